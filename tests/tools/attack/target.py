"""The target: a real service, alone or behind a real proxy."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from tests.support.running import SERVE, Running, free_port, running
from tests.support.tokens import bearer

BRAND = "brand1"
C = f"/v1/brands/{BRAND}/campaigns/default"
TOKEN = bearer()["Authorization"]
MIB = 1024 * 1024

_HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:{front}
  default_backend back
backend back
  server one 127.0.0.1:{back}
"""
_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream back {{ server 127.0.0.1:{back}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{front};
    location / {{
      proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_request_buffering off;
    }}
  }}
}}
"""
PROXIES = {"haproxy": _HAPROXY, "nginx": _NGINX}


@dataclass(frozen=True)
class Target:
    """The address of the attack, and the service."""

    service: Running
    port: int

    @property
    def metrics_port(self) -> int:
        """The URL of the server's metrics."""
        return int(self.service.environment["METRICS_PORT"])

    def connect(self, *, small: bool = False, port: int | None = None) -> socket.socket:
        """Connect; with a small receive buffer if `small`, as loopback buffers megabytes."""
        client = socket.socket()
        client.settimeout(10)
        if small:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port or self.port))
        return client

    def resources(self) -> dict[str, str]:
        """Return the resources of the service's processes."""
        master = psutil.Process(self.service.process.pid)
        (worker,) = master.children()
        return {"the master": _resources(master), "the worker": _resources(worker)}


def _resources(process: psutil.Process) -> str:
    resident = process.memory_info().rss / MIB
    return f"{resident:.0f} MiB, {process.num_threads()} threads, {process.num_fds()} files"


def head(method: str, path: str, *fields: str) -> bytes:
    """Return the head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


@contextmanager
def service(folder: Path) -> Iterator[Target]:
    """Run a service with as many threads as by default, in one worker, and codes for everybody."""
    with running(folder, SERVE) as one:
        for _ in range(20):
            requests.post(
                f"{one.url}/v1/discount/create",
                json={"brand": BRAND, "number_to_create": 1000},
                headers=bearer(),
                timeout=30,
            ).raise_for_status()
        yield Target(one, int(one.environment["PORT"]))


@contextmanager
def behind(proxy: str, target: Target, folder: Path) -> Iterator[Target | None]:
    """Run a proxy with its defaults in front of the service, if it is installed."""
    program = shutil.which(proxy, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        yield None
        return
    front = free_port()
    config = folder / f"{proxy}.conf"
    config.write_text(PROXIES[proxy].format(front=front, back=target.port, folder=folder))
    options = ["-f", str(config)] if proxy == "haproxy" else ["-c", str(config)]
    with subprocess.Popen(
        [program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(front)
            yield Target(target.service, front)
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
