"""Services that a drill breaks, each with callers that use it all the time."""

import itertools
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
import requests

from tests.history.engines.postgresql import Drilled, postgresql, url_of
from tests.issuer import Issuer, serving
from tests.monitoring.stack import Target
from tests.running import DISCOUNT, Running, end, free_port, starting, wait_until_ready
from tests.tokens import bearer

STEADY = "steady"
"""The brand that callers use all the time."""
LOCKED = "locked"
"""A database, and the service on it."""
SMALL_DISK = "12m"
CALLERS = 2
PAUSE_S = 0.2


class Callers:
    """Threads that ask for codes, each for a user of its own every time.

    Args:
        service: Whom they ask.
        headers: What identifies them.
        brand: Whose codes.
        path: What they ask for; `{}` stands for a user.
        number: How many there are.
        pause_s: How long each waits between two calls.
    """

    def __init__(
        self,
        service: Running,
        headers: dict[str, str],
        brand: str = STEADY,
        number: int = CALLERS,
        pause_s: float = PAUSE_S,
        path: str = "",
    ) -> None:
        self._url = service.url + (path or f"/v1/discount/fetch/{brand}/{{}}")
        self._headers = headers
        self._pause_s = pause_s
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, name="caller", daemon=True) for _ in range(number)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        users = itertools.count()
        me = threading.get_ident()
        with requests.Session() as session:
            while not self._over.wait(self._pause_s):
                with suppress(requests.RequestException):
                    url = self._url.format(f"{me}-{time.time_ns()}-{next(users)}")
                    session.get(url, headers=self._headers, timeout=10)


@dataclass(frozen=True)
class Scene:
    """What there is to break."""

    factor: float
    """How many times shorter than in earnest everything is."""
    pace_s: float
    """How often Prometheus looks, in seconds."""

    on_postgresql: Running
    on_locked: Running
    """On a database of its own on the same server."""
    on_sqlite: Running
    on_small_disk: Running
    database: Drilled
    database_url: Path
    """The file that names it, read again for each connection."""
    issuer: Issuer
    small_disk: Path
    worker_port: str
    """Of the metrics of the job worker beside the service on SQLite."""
    issuer_down: ExitStack
    """Closing it stops the issuer."""

    @property
    def services(self) -> dict[str, Running]:
        return {
            "postgresql": self.on_postgresql,
            LOCKED: self.on_locked,
            "sqlite": self.on_sqlite,
            "small-disk": self.on_small_disk,
        }

    @property
    def targets(self) -> list[Target]:
        """Where each can be scraped, and the job worker, which is not among what is broken."""
        return [
            *(
                Target(name, f"discount-{name}", _local(service.environment["METRICS_PORT"]))
                for name, service in self.services.items()
            ),
            Target("sqlite", "discount-worker", _local(self.worker_port)),
        ]

    def headers(self, service: Running) -> dict[str, str]:
        """Return a good token's header."""
        return self.issuer.bearer() if service is self.on_postgresql else bearer()

    def create(self, service: Running, brand: str, number: int) -> requests.Response:
        return requests.post(
            f"{service.url}/v1/discount/create",
            json={"brand": brand, "number_to_create": number},
            headers=self.headers(service),
            timeout=20,
        )


@contextmanager
def scene(folder: Path, factor: float, pace_s: float) -> Iterator[Scene]:
    """Start everything, with callers, until the block is left."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk())
        database = stack.enter_context(postgresql(folder))
        with database.server.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {LOCKED}")
        locked = url_of(database.server.address, LOCKED)
        issuer, issuer_down = Issuer(), stack.enter_context(ExitStack())
        url = issuer_down.enter_context(serving(issuer, free_port()))
        database_url = folder / "database-url"
        database_url.write_text(database.settings["DISCOUNT_DATABASE_URL"])
        own: dict[str, str | None] = {
            "DISCOUNT_DATABASE_URL": None,
            "DISCOUNT_DATABASE_URL_FILE": str(database_url),
            "DISCOUNT_JWT_SECRET": None,
            "DISCOUNT_JWT_JWKS_URL": url,
        }
        made = Scene(
            factor,
            pace_s,
            stack.enter_context(starting(folder, **own)),
            stack.enter_context(starting(folder, DISCOUNT_DATABASE_URL=locked)),
            stack.enter_context(starting(folder, WEB_CONCURRENCY="2")),
            stack.enter_context(
                starting(
                    folder,
                    DISCOUNT_DATABASE_URL=f"sqlite:///{disk}/d.db",
                    DISCOUNT_DISK_RESERVE_BYTES="0",  # which is more than there is
                )
            ),
            database,
            database_url,
            issuer,
            disk,
            str(free_port()),
            issuer_down,
        )
        stack.enter_context(worker(made.on_sqlite, made.worker_port))
        job = {"kind": "generate", "count": 2000}
        url = f"{made.on_sqlite.url}/v1/brands/{STEADY}/campaigns/default/jobs"
        for service in made.services.values():
            wait_until_ready(service)
            for _ in range(5):
                made.create(service, STEADY, 1000).raise_for_status()
            stack.enter_context(Callers(service, made.headers(service)))
        requests.post(url, json=job, headers=bearer(), timeout=20).raise_for_status()
        yield made


@contextmanager
def worker(service: Running, port: str) -> Iterator[None]:
    """Run a job worker beside a service."""
    env = service.environment | {"DISCOUNT_WORKER_METRICS_PORT": port}
    with service.log.with_name("worker-log").open("wb") as log:
        process = subprocess.Popen([DISCOUNT, "worker"], env=env, stdout=log)
        try:
            yield
        finally:
            end(process)


def _local(port: str) -> str:
    return f"127.0.0.1:{port}"


@contextmanager
def small_disk(size: str = SMALL_DISK) -> Iterator[Path]:
    """Make a file system of a few megabytes, in memory."""
    with tempfile.TemporaryDirectory() as place:
        mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("Only root can make a small disk to be filled.")
        try:
            yield Path(place)
        finally:
            subprocess.run(["/bin/umount", "--lazy", place], check=True)
