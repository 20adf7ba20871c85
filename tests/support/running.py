"""A real service for tests: `discount serve` in its own processes, on its own ports."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.support.forked import Forked
from tests.support.tables import make_tables
from tests.support.tokens import SECRET
from tests.support.waiting import wait_until

DISCOUNT = Path(sys.executable).parent / "discount"
SERVE = (DISCOUNT, "serve")
"""The command that starts a service as users do."""
START_WITHIN_S = 120
"""The limit of a wait; generous, for busy machines."""
_PORTS = range(10_000, 32_768)
"""Ports below those of clients (`net.ipv4.ip_local_port_range`).

A client could take one of those before the service listens there.
"""


_taken: set[int] = set()
"""Ports that were returned before: their users may not listen yet."""


def free_port() -> int:
    """Return a free port, once, and in one worker of pytest-xdist only."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    while True:
        port = random.choice(_PORTS[worker::workers])  # noqa: S311 - no secret
        if port in _taken:
            continue
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            _taken.add(port)
            return port


def environment(folder: Path, **changed: str | None) -> dict[str, str]:
    """Return an environment for a service that keeps everything in `folder`; `None` unsets."""
    settings = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DISCOUNT_DATABASE_URL": f"sqlite:///{folder}/discount.db",
        "DISCOUNT_JWT_SECRET": SECRET,
        "PORT": str(free_port()),
        "METRICS_PORT": str(free_port()),
        **changed,
    }
    return {name: value for name, value in settings.items() if value is not None}


@dataclass(frozen=True)
class Running:
    """A service that is running."""

    process: subprocess.Popen[bytes] | Forked
    environment: dict[str, str]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['PORT']}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['METRICS_PORT']}/metrics"

    @property
    def workers(self) -> set[int]:
        """The process ids of the workers that are alive."""
        booted = re.findall(r"Booting worker with pid: (\d+)", self.log.read_text())
        return {pid for pid in map(int, booted) if is_alive(pid)}

    @property
    def lines(self) -> list[dict[str, Any]]:
        """All log lines so far; each must be a JSON object."""
        whole, _, _ = self.log.read_text().rpartition("\n")  # the last may be half written
        return [json.loads(line) for line in whole.splitlines()]

    def stop(self) -> int:
        """Stop the service, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_WITHIN_S)


@contextmanager
def running(
    folder: Path, command: Sequence[str | Path] = (), /, **changed: str | None
) -> Iterator[Running]:
    """Run a service on a database of its own: see `starting`."""
    with starting(folder, command, **changed) as service:
        wait_until_ready(service)
        yield service


@contextmanager
def starting(
    folder: Path, command: Sequence[str | Path] = (), /, **changed: str | None
) -> Iterator[Running]:
    """Start a service on a database of its own; when the block is left, it is gone.

    Args:
        folder: Has its database and its log.
        command: What starts it, if not a process that is forked.
        changed: Settings; `None` unsets one.
    """
    env = environment(folder, **changed)
    make_tables(env)
    log = folder / f"log-{env['PORT']}"
    with log.open("wb") as output:
        process = (
            subprocess.Popen(command, env=env, stdout=output, stderr=output)
            if command
            else Forked(["serve"], env, output, output)
        )
        try:
            yield Running(process, env, log)
        finally:
            end(process)


@contextmanager
def running_worker(env: Mapping[str, str], log: Path) -> Iterator[Forked]:
    """Run a worker that appends to a log until the block ends."""
    with log.open("ab") as output:
        process = Forked(["worker"], env, output, output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def end(process: subprocess.Popen[bytes] | Forked) -> None:
    """Terminate a process, and kill it if it does not end."""
    process.terminate()
    try:
        process.wait(START_WITHIN_S)
    finally:
        process.kill()
        process.wait()


def wait_until_ready(service: Running) -> None:
    """Wait for `/readyz`.

    Raises:
        AssertionError: The service died, or took too long.
    """

    def is_ready() -> bool:
        assert service.process.poll() is None, "it has ended"
        with suppress(requests.RequestException):
            return requests.get(f"{service.url}/readyz", timeout=10).ok
        return False

    try:
        wait_until(is_ready, "it does not get ready", START_WITHIN_S)
    except AssertionError as error:
        raise AssertionError(service.log.read_text()) from error


def is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
