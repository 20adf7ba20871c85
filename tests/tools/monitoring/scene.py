"""Services that a drill breaks, each with callers that use it all the time."""

import itertools
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
import requests

from tests.support.issuer import Issuer, serving
from tests.support.running import (
    DISCOUNT,
    SERVE,
    Running,
    end,
    free_port,
    starting,
    wait_until_ready,
)
from tests.support.tokens import bearer
from tests.tools.history.engines.postgresql import Drilled, postgresql, url_of
from tests.tools.monitoring.stack import Stack, Target, until

STEADY = "steady"
"""The brand that callers use all the time."""
POSTGRESQL = "postgresql"
SQLITE = "sqlite"
LOCKED = "locked"
"""A database, and the service on it."""
SMALL_DISK = "small-disk"
DISK_SIZE = "12m"
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
class Around:
    """What the services of a whole drill have around them."""

    database: Drilled
    database_url: Path
    """The file that names it, read again for each connection."""
    issuer: Issuer
    issuer_down: ExitStack
    """Closing it stops the issuer."""
    small_disk: Path
    worker_port: str
    """Of the metrics of the job worker beside the service on SQLite."""


@dataclass(frozen=True)
class Scene:
    """What there is to break."""

    factor: float
    """How many times shorter than in earnest everything is."""
    pace_s: float
    """How often Prometheus looks, in seconds."""
    services: Mapping[str, Running]
    """By namespace."""
    whole: Around | None = None
    """A short drill has the service on SQLite alone."""
    stack: Stack | None = None
    """Watches the services, once they are there."""

    @property
    def around(self) -> Around:
        assert self.whole, "only a whole drill has that"
        return self.whole

    @property
    def on_postgresql(self) -> Running:
        return self.services[POSTGRESQL]

    @property
    def on_locked(self) -> Running:
        """Return the service on a database of its own on the same server."""
        return self.services[LOCKED]

    @property
    def on_sqlite(self) -> Running:
        return self.services[SQLITE]

    @property
    def on_small_disk(self) -> Running:
        return self.services[SMALL_DISK]

    @property
    def targets(self) -> list[Target]:
        """Where each can be scraped, and the job worker, which is not among what is broken."""
        servers = [
            Target(name, f"discount-{name}", _local(service.environment["METRICS_PORT"]))
            for name, service in self.services.items()
        ]
        if self.whole:
            servers.append(Target(SQLITE, "discount-worker", _local(self.whole.worker_port)))
        return servers

    def headers(self, service: Running) -> dict[str, str]:
        """Return a good token's header."""
        if self.whole and service is self.on_postgresql:
            return self.whole.issuer.bearer()
        return bearer()

    def create(self, service: Running, brand: str, number: int) -> requests.Response:
        return requests.post(
            f"{service.url}/v1/discount/create",
            json={"brand": brand, "number_to_create": number},
            headers=self.headers(service),
            timeout=20,
        )

    def wait_until_seen(self, query: str) -> None:
        """Wait until Prometheus finds something."""
        stack = self.stack
        assert stack, "nobody watches"
        until(lambda: stack.query(query), f"Prometheus does not see {query}")


@contextmanager
def short_scene(folder: Path, factor: float, pace_s: float) -> Iterator[Scene]:
    """Start a service on SQLite, with callers, until the block is left."""
    with starting(folder, SERVE, WEB_CONCURRENCY="2") as service:
        made = Scene(factor, pace_s, {SQLITE: service})
        with _callers(made):
            yield made


@contextmanager
def whole_scene(folder: Path, factor: float, pace_s: float) -> Iterator[Scene]:
    """Start everything, with callers, until the block is left."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk())
        database = stack.enter_context(postgresql(folder))
        with database.server.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {LOCKED}")
        issuer, issuer_down = Issuer(), stack.enter_context(ExitStack())
        url = issuer_down.enter_context(serving(issuer, free_port()))
        database_url = folder / "database-url"
        database_url.write_text(database.settings["DISCOUNT_DATABASE_URL"])
        around = Around(database, database_url, issuer, issuer_down, disk, str(free_port()))
        services = {
            name: stack.enter_context(starting(folder, **settings))
            for name, settings in _settings(around, url).items()
        }
        made = Scene(factor, pace_s, services, around)
        stack.enter_context(worker(made.on_sqlite, around.worker_port))
        stack.enter_context(_callers(made))
        job = {"kind": "generate", "count": 2000}
        jobs = f"{made.on_sqlite.url}/v1/brands/{STEADY}/campaigns/default/jobs"
        requests.post(jobs, json=job, headers=bearer(), timeout=20).raise_for_status()
        yield made


def _settings(around: Around, issuer_url: str) -> dict[str, dict[str, str | None]]:
    """Return what the services of a whole drill are started with, by namespace."""
    return {
        POSTGRESQL: {
            "DISCOUNT_DATABASE_URL": None,
            "DISCOUNT_DATABASE_URL_FILE": str(around.database_url),
            "DISCOUNT_JWT_SECRET": None,
            "DISCOUNT_JWT_JWKS_URL": issuer_url,
        },
        LOCKED: {"DISCOUNT_DATABASE_URL": url_of(around.database.server.address, LOCKED)},
        SQLITE: {"WEB_CONCURRENCY": "2"},
        SMALL_DISK: {
            "DISCOUNT_DATABASE_URL": f"sqlite:///{around.small_disk}/d.db",
            "DISCOUNT_DISK_RESERVE_BYTES": "0",  # which is more than there is
        },
    }


@contextmanager
def _callers(scene: Scene) -> Iterator[None]:
    """Let callers use every service from when it is ready until the block is left."""
    with ExitStack() as stack:
        for service in scene.services.values():
            wait_until_ready(service)
            for _ in range(5):
                scene.create(service, STEADY, 1000).raise_for_status()
            stack.enter_context(Callers(service, scene.headers(service)))
        yield


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
def small_disk(size: str = DISK_SIZE) -> Iterator[Path]:
    """Make a file system of a few megabytes, in memory."""
    with tempfile.TemporaryDirectory() as place:
        mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("Only root can make a small disk to be filled.")
        try:
            yield Path(place)
        finally:
            subprocess.run(["/bin/umount", "--lazy", place], check=True)
