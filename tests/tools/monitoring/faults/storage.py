"""Faults of databases and of their disks."""

import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import requests

from service.store.migrations.revisions import newest_revision
from tests.support.tokens import bearer
from tests.tools.history.proxy import Mode
from tests.tools.monitoring.faults.registry import MANY, fault
from tests.tools.monitoring.scene import LOCKED, Scene
from tests.tools.monitoring.traffic import STEADY, Callers


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
        suppress(psycopg.OperationalError),  # another fault may have stopped the server meanwhile
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


@fault("another process holds SQLite's write lock")
def _write_lock(scene: Scene) -> Iterator[None]:
    service = scene.on_sqlite
    with sqlite(service.environment["DISCOUNT_DATABASE_URL"]) as database:
        database.execute("BEGIN IMMEDIATE")
        with Callers(service, bearer(), number=MANY, pause_s=0.0):
            yield
        database.execute("ROLLBACK")


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
    with sqlite(scene.on_small_disk.environment["DISCOUNT_DATABASE_URL"]) as database:
        set_revision = "UPDATE alembic_version SET version_num = ?"
        database.execute(set_revision, ["0003"])
        yield
        database.execute(set_revision, [newest_revision()])


@fault("a reader of SQLite does not end")
def _stuck_reader(scene: Scene) -> Iterator[None]:
    """Its snapshot keeps the log from starting over; large imports write a lot."""
    service = scene.on_mounted
    with sqlite(service.environment["DISCOUNT_DATABASE_URL"]) as database:
        database.execute("BEGIN")
        database.execute("SELECT count(*) FROM code").fetchone()
        export = f"{service.url}/v1/brands/{STEADY}/campaigns/default/export"
        requests.get(export, headers=bearer(), timeout=60).raise_for_status()
        with _creating(scene, "log"):
            yield


@fault("the disk fills up steadily")
def _filling(scene: Scene) -> Iterator[None]:
    """It would be full in a quarter of an hour."""
    filler = scene.around.mounted / "filler"
    free = _free(scene.around.mounted)
    steps, over = 900, threading.Event()

    def fill() -> None:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while not over.wait(1 / scene.factor):
                file.write(b"x" * (free // steps))

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        filler.unlink()


@fault("the disk is frozen")
def _frozen(scene: Scene) -> Iterator[None]:
    """As by a snapshot that does not end: whoever writes waits in the kernel, for ever."""
    mounted = scene.around.mounted
    subprocess.run(["/usr/sbin/fsfreeze", "--freeze", mounted], check=True)
    try:
        yield
    finally:
        subprocess.run(["/usr/sbin/fsfreeze", "--unfreeze", mounted], check=True)


def _free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


@contextmanager
def _creating(scene: Scene, brand: str) -> Iterator[None]:
    """Create codes, as many as the service can."""
    over = threading.Event()

    def create() -> None:
        while not over.is_set():
            with suppress(requests.RequestException):
                scene.create(scene.on_mounted, brand, 1000)

    threads = [threading.Thread(target=create) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextmanager
def sqlite(url: str) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10, isolation_level=None)
    try:
        yield database
    finally:
        database.close()
