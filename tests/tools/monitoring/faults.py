"""The faults of the drill, each caused for real; docs/alerts.md says what each must lead to."""

import os
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

import requests

from service.store.migrations.revisions import newest_revision
from tests.support.tokens import bearer, forged
from tests.tools.history.proxy import Mode
from tests.tools.monitoring.scene import (
    LOCKED,
    POSTGRESQL,
    SMALL_DISK,
    SQLITE,
    STEADY,
    Callers,
    Scene,
)
from tests.tools.monitoring.stack import until

Fault = Callable[[Scene], AbstractContextManager[None]]
FAULTS: dict[str, Fault] = {}
"""By what they are called in docs/alerts.md."""

C = "/v1/brands/jobs/campaigns/default"
MANY = 32
"""Callers; more than a service has threads."""


def fault(name: str) -> Callable[[Callable[[Scene], Iterator[None]]], None]:
    """Add a fault: it is there while the block runs."""

    def add(cause: Callable[[Scene], Iterator[None]]) -> None:
        FAULTS[name] = contextmanager(cause)

    return add


@fault("the network to the database is slow")
def _slow(scene: Scene) -> Iterator[None]:
    proxy = scene.around.database.proxy
    proxy.delay_s = 0.14  # each way; connections can still be made in time
    proxy.set(Mode.DELAY)
    service, headers = scene.on_postgresql, scene.headers(scene.on_postgresql)
    # Reservations share a connection; all else takes one for each call.
    with (
        Callers(service, headers, number=MANY // 2, pause_s=0.0),
        Callers(service, headers, number=MANY, pause_s=0.0, path=f"/v1/brands/{STEADY}"),
    ):
        yield
    proxy.set(Mode.PASS)


@fault("a session holds a lock on a table")
def _locked(scene: Scene) -> Iterator[None]:
    with (
        scene.around.database.server.connect(LOCKED) as connection,
        connection.transaction(),
        Callers(scene.on_locked, bearer(), number=MANY, pause_s=0.0),
    ):
        connection.execute("LOCK TABLE code")
        yield


@fault("the database is stopped")
def _stopped(scene: Scene) -> Iterator[None]:
    scene.around.database_url.write_text(
        scene.around.database.url
    )  # past the proxy, which would still accept
    scene.around.database.server.end(signal.SIGKILL)
    yield
    scene.around.database.server.start()


@fault("the token issuer is down")
def _no_issuer(scene: Scene) -> Iterator[None]:
    """The keys are fetched every 5 minutes; who comes with an unknown key makes it sooner."""
    scene.around.issuer_down.close()
    scene.around.issuer.jwk("k2")
    with Callers(scene.on_postgresql, scene.around.issuer.bearer("k2"), number=1, pause_s=1.0):
        yield


@fault("a pool is used up quickly")
def _running_dry(scene: Scene) -> Iterator[None]:
    service = scene.on_sqlite
    # Two callers take 10 a second, and where the machine is busy 3: that is quick as well.
    left = round(24_000 / scene.factor)
    while left > 0:
        scene.create(service, "dry", min(left, 1000)).raise_for_status()
        left -= 1000
    with Callers(service, bearer(), "dry", number=2):
        yield


@fault("the last code of a pool is handed out")
def _empty(scene: Scene) -> Iterator[None]:
    service = scene.on_sqlite
    scene.create(service, "empty", 20).raise_for_status()
    scene.wait_until_seen('discount:codes_available:max{brand="empty"} > 0')
    with Callers(service, bearer(), "empty", number=2):
        yield


@fault("another process holds SQLite's write lock")
def _write_lock(scene: Scene) -> Iterator[None]:
    service = scene.on_sqlite
    with _sqlite(service.environment["DISCOUNT_DATABASE_URL"]) as database:
        database.execute("BEGIN IMMEDIATE")
        with Callers(service, bearer(), number=MANY, pause_s=0.0):
            yield
        database.execute("ROLLBACK")


@fault("worker processes are killed repeatedly")
def _kills(scene: Scene) -> Iterator[None]:
    for _ in range(3):
        killed = scene.on_sqlite.workers
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        until(
            lambda killed=killed: len(scene.on_sqlite.workers - killed) == 2,  # type: ignore[misc]
            "gunicorn does not replace its workers",
        )
    yield


@fault("the server is killed and not restarted")
def _down(scene: Scene) -> Iterator[None]:
    scene.on_sqlite.process.kill()
    yield


@fault("callers send forged tokens")
def _forged(scene: Scene) -> Iterator[None]:
    token = forged({}, b"no key of the service's, but as long as one")
    headers = {"Authorization": f"Bearer {token}"}
    with Callers(scene.on_small_disk, headers, number=2):
        yield


@fault("the issuer's clock is a minute fast")
def _clock(scene: Scene) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(2):
            early = bearer(iat=int(time.time()) + 60)
            stack.enter_context(Callers(scene.on_small_disk, early, number=1, pause_s=0.2))
        yield


@fault("the disk is full")
def _full(scene: Scene) -> Iterator[None]:
    filler = scene.around.small_disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    over = False

    def create() -> None:
        while not over:
            with suppress(requests.RequestException):
                scene.create(scene.on_small_disk, "big", 200)

    thread = threading.Thread(target=create)
    thread.start()
    try:
        yield
    finally:
        over = True
        filler.unlink()
        thread.join()


@fault("the tables are from an earlier version")
def _not_migrated(scene: Scene) -> Iterator[None]:
    with _sqlite(scene.on_small_disk.environment["DISCOUNT_DATABASE_URL"]) as database:
        set_revision = "UPDATE alembic_version SET version_num = ?"
        database.execute(set_revision, ["0003"])
        yield
        database.execute(set_revision, [newest_revision()])


@fault("no job worker runs")
def _no_worker(scene: Scene) -> Iterator[None]:
    url = f"{scene.on_small_disk.url}{C}/jobs"
    body = {"kind": "generate", "count": 10}
    requests.post(url, json=body, headers=bearer(), timeout=20).raise_for_status()
    yield


@fault("the log is unwritable from time to time")
def _no_log(scene: Scene) -> Iterator[None]:
    """A limit of the size of files, which a worker beside PostgreSQL meets in its log alone."""
    over = threading.Event()

    def limit(size: int) -> None:
        for pid in scene.on_locked.workers:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def now_and_then() -> None:
        while not over.is_set():
            limit(1)
            over.wait(2 * scene.pace_s)
            limit(resource.RLIM_INFINITY)
            over.wait(2 * scene.pace_s)

    thread = threading.Thread(target=now_and_then)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)
        limit(resource.RLIM_INFINITY)


Tracks = Mapping[str, Sequence[Sequence[str]]]
TRACKS: Tracks = {
    POSTGRESQL: [
        [
            "the network to the database is slow",
            "the database is stopped",
        ],
        ["the token issuer is down"],
    ],
    LOCKED: [
        ["a session holds a lock on a table"],
        ["the log is unwritable from time to time"],
    ],
    SQLITE: [
        [
            "a pool is used up quickly",
            "the last code of a pool is handed out",
            "another process holds SQLite's write lock",
            "worker processes are killed repeatedly",
            "the server is killed and not restarted",
        ]
    ],
    SMALL_DISK: [
        [
            "callers send forged tokens",
            "the issuer's clock is a minute fast",
            "the disk is full",
            "the tables are from an earlier version",
        ],
        ["no job worker runs"],
    ],
}
"""The faults of each service, one after the other; tracks run in parallel."""


@contextmanager
def _sqlite(url: str) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10, isolation_level=None)
    try:
        yield database
    finally:
        database.close()
