"""What the services of a whole drill have around them."""

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.system_packages import require
from tests.support.issuer import Issuer, serving
from tests.support.running import DISCOUNT, Running, end, free_port
from tests.tools.history.engines.postgresql import Drilled, postgresql

DISK_SIZE = "12m"
MOUNTED_SIZE = "1200m"
"""Of a file that is a disk: has room for a write-ahead log that grows."""
LEAK = """import os, threading, time

def leak():
    while not os.path.exists({file!r}):
        time.sleep(0.5)
    kept = b"x" * 450_000_000
    while os.path.exists({file!r}):
        time.sleep(0.5)

os.register_at_fork(after_in_child=lambda: threading.Thread(target=leak, daemon=True).start())
"""
"""A module that Python imports at its start: as a library that leaks memory in a worker."""


class Redis:
    """A Redis server that can be stopped, and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [require("redis-server"), "--port", str(self._port), "--bind", "127.0.0.1"]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--save", "", "--dir", str(self._folder)], stdout=log
            )

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None


@dataclass(frozen=True)
class Around:
    """What they have."""

    database: Drilled
    database_url: Path
    """The file that names it, read again for each connection."""
    issuer: Issuer
    issuer_url: str
    issuer_down: ExitStack
    """Closing it stops the issuer."""
    quiet_issuer: Issuer
    quiet_issuer_url: str
    quiet_issuer_down: ExitStack
    redis: Redis
    collector_url: str
    collector_down: ExitStack
    small_disk: Path
    mounted: Path
    """A file system of its own, on a block device, which can be frozen."""
    leak: Path
    """A file: while it exists, workers that were started with `leaking` need much memory."""
    worker_port: str
    """Of the metrics of the job worker beside the service on SQLite."""

    @property
    def leaking(self) -> Path:
        """Return a folder for PYTHONPATH."""
        return self.leak.parent


@contextmanager
def surroundings(folder: Path) -> Iterator[Around]:
    """Start what there is around services, until the block is left."""
    with ExitStack() as stack:
        small, mounted = stack.enter_context(small_disk()), stack.enter_context(disk_of_a_file())
        database = stack.enter_context(postgresql(folder))
        database_url = folder / "database-url"
        database_url.write_text(database.settings["DISCOUNT_DATABASE_URL"])
        issuer, issuer_down = Issuer(), stack.enter_context(ExitStack())
        quiet_issuer, quiet_down = Issuer(), stack.enter_context(ExitStack())
        redis, collector_down = Redis(folder), stack.enter_context(ExitStack())
        redis.start()
        stack.callback(redis.stop)
        yield Around(
            database=database,
            database_url=database_url,
            issuer=issuer,
            issuer_url=issuer_down.enter_context(serving(issuer, free_port())),
            issuer_down=issuer_down,
            quiet_issuer=quiet_issuer,
            quiet_issuer_url=quiet_down.enter_context(serving(quiet_issuer, free_port())),
            quiet_issuer_down=quiet_down,
            redis=redis,
            collector_url=collector_down.enter_context(_collector()),
            collector_down=collector_down,
            small_disk=small,
            mounted=mounted,
            leak=_leaking(folder),
            worker_port=str(free_port()),
        )


def _leaking(folder: Path) -> Path:
    place = folder / "leaking"
    place.mkdir()
    file = place / "now"
    (place / "sitecustomize.py").write_text(LEAK.format(file=str(file)))
    return file


@contextmanager
def _collector() -> Iterator[str]:
    """Accept traces, and keep none; return its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its base's word
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def worker(service: Running, port: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a job worker beside a service."""
    env = service.environment | {"DISCOUNT_WORKER_METRICS_PORT": port}
    with worker_log(service).open("wb") as log:
        process = subprocess.Popen([DISCOUNT, "worker"], env=env, stdout=log)
        try:
            yield process
        finally:
            end(process)


def worker_log(service: Running) -> Path:
    """Return where the job worker beside a service logs, if it has one."""
    return service.log.with_name(f"{service.log.name}-worker")


def logs_of(service: Running) -> list[Path]:
    """Return where a service logs, and the job worker beside it, if there is one."""
    return [log for log in (service.log, worker_log(service)) if log.exists()]


@contextmanager
def small_disk(size: str = DISK_SIZE) -> Iterator[Path]:
    """Make a file system of a few megabytes, in memory."""
    with _mounted("-t", "tmpfs", "-o", f"size={size}", "tmpfs") as place:
        yield place


@contextmanager
def disk_of_a_file(size: str = MOUNTED_SIZE) -> Iterator[Path]:
    """Make a file system on a loop device, whose file takes the space that is used."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image"
        subprocess.run(["/usr/bin/truncate", "--size", size, image], check=True)
        subprocess.run([require("mkfs.ext4"), "-q", image], check=True)
        with _mounted("-o", "loop", str(image)) as place:
            yield place


@contextmanager
def _mounted(*arguments: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        mount = ["/bin/mount", *arguments, place]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("Only root can make a disk to be filled or frozen.")
        try:
            yield Path(place)
        finally:
            subprocess.run(["/bin/umount", "--lazy", place], check=True)
