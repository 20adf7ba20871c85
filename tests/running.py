"""A real service for tests: `discount serve` in processes of its own, on ports of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.tokens import SECRET

DISCOUNT = Path(sys.executable).parent / "discount"
START_WITHIN_S = 30


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
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

    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['PORT']}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['METRICS_PORT']}/metrics"

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every line that it has logged so far; each must be a JSON object."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self) -> int:
        """Tell it to stop, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_WITHIN_S)


@contextmanager
def running(folder: Path, **changed: str | None) -> Iterator[Running]:
    """Run a service on a database of its own, from ready to gone."""
    env = environment(folder, **changed)
    subprocess.run([DISCOUNT, "db", "upgrade"], env=env, check=True, capture_output=True)
    log = folder / f"log-{env['PORT']}"
    with log.open("wb") as output:
        process = subprocess.Popen([DISCOUNT, "serve"], env=env, stdout=output, stderr=output)
        service = Running(process, env, log)
        try:
            wait_until_ready(service)
            yield service
        finally:
            process.terminate()
            try:
                process.wait(START_WITHIN_S)
            finally:
                process.kill()


def wait_until_ready(service: Running) -> None:
    """Wait for `/readyz`.

    Raises:
        AssertionError: The service died, or took too long.
    """
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        assert service.process.poll() is None, service.log.read_text()
        try:
            if requests.get(f"{service.url}/readyz", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.05)
    raise AssertionError(service.log.read_text())
