"""Services that a drill breaks, each with callers that use it all the time."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.support.running import SERVE, Running, starting, wait_until_ready
from tests.support.tokens import bearer
from tests.tools.history.engines.postgresql import url_of
from tests.tools.monitoring.stack import Stack, Target, until
from tests.tools.monitoring.surroundings import Around, surroundings, worker
from tests.tools.monitoring.traffic import CALLERS, PAUSE_S, STEADY, Callers

POSTGRESQL = "postgresql"
SQLITE = "sqlite"
LOCKED = "locked"
"""A database, and the service on it."""
SMALL_DISK = "small-disk"
MOUNTED = "mounted"
"""On a file system of its own."""
QUIET = "quiet"
"""Called less than once a second, with Redis, an issuer, and a collector of traces."""
QUIET_PAUSE_S = 1.25


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
    steady_headers: dict[str, dict[str, str]] = field(default_factory=dict)
    """What the steady callers of each service send; a fault may change it."""
    job_worker: subprocess.Popen[bytes] | None = None
    """Beside the service on SQLite, in a whole drill."""

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
    def on_mounted(self) -> Running:
        return self.services[MOUNTED]

    @property
    def on_quiet(self) -> Running:
        return self.services[QUIET]

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
        if self.whole and service is self.on_quiet:
            return self.whole.quiet_issuer.bearer()
        return bearer()

    @property
    def jobs(self) -> subprocess.Popen[bytes]:
        assert self.job_worker, "only a whole drill has that"
        return self.job_worker

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
        around = stack.enter_context(surroundings(folder))
        with around.database.server.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {LOCKED}")
        services = {
            name: stack.enter_context(starting(folder, SERVE, **settings))
            for name, settings in _settings(around).items()
        }
        process = stack.enter_context(worker(services[SQLITE], around.worker_port))
        made = Scene(factor, pace_s, services, around, job_worker=process)
        stack.enter_context(_callers(made))
        job = {"kind": "generate", "count": 2000}
        jobs = f"{made.on_sqlite.url}/v1/brands/{STEADY}/campaigns/default/jobs"
        requests.post(jobs, json=job, headers=bearer(), timeout=20).raise_for_status()
        yield made


def _settings(around: Around) -> dict[str, dict[str, str | None]]:
    """Return what the services of a whole drill are started with, by namespace."""
    return {
        POSTGRESQL: {
            "DISCOUNT_DATABASE_URL": None,
            "DISCOUNT_DATABASE_URL_FILE": str(around.database_url),
            "DISCOUNT_JWT_SECRET": None,
            "DISCOUNT_JWT_JWKS_URL": around.issuer_url,
        },
        LOCKED: {
            "DISCOUNT_DATABASE_URL": url_of(around.database.server.address, LOCKED),
            "PYTHONPATH": str(around.leaking),
        },
        SQLITE: {"WEB_CONCURRENCY": "2"},
        SMALL_DISK: {
            "DISCOUNT_DATABASE_URL": f"sqlite:///{around.small_disk}/d.db",
            "DISCOUNT_DISK_RESERVE_BYTES": "0",  # which is more than there is
        },
        MOUNTED: {
            "DISCOUNT_DATABASE_URL": f"sqlite:///{around.mounted}/d.db",
            "WEB_CONCURRENCY": "1",
        },
        QUIET: {
            "DISCOUNT_JWT_SECRET": None,
            "DISCOUNT_JWT_JWKS_URL": around.quiet_issuer_url,
            "DISCOUNT_DATABASE_URL": f"sqlite:///{around.database_url.parent}/quiet.db",
            "DISCOUNT_RATE_LIMIT": "20/10s",
            "DISCOUNT_RATE_LIMIT_STORAGE_URL": around.redis.url,
            "DISCOUNT_OTLP_ENDPOINT": around.collector_url,
            "OTEL_BSP_SCHEDULE_DELAY": "1000",
        },
    }


@contextmanager
def _callers(scene: Scene) -> Iterator[None]:
    """Let callers use every service from when it is ready until the block is left."""
    with ExitStack() as stack:
        for name, service in scene.services.items():
            wait_until_ready(service)
            for _ in range(5):
                scene.create(service, STEADY, 1000).raise_for_status()
            headers = scene.steady_headers[name] = scene.headers(service)
            number, pause_s = (1, QUIET_PAUSE_S) if name == QUIET else (CALLERS, PAUSE_S)
            stack.enter_context(Callers(service, headers, number=number, pause_s=pause_s))
        yield


def _local(port: str) -> str:
    return f"127.0.0.1:{port}"
