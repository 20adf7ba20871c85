"""Connections to an SQLite file: their settings, their lock timeouts, and their threads."""

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection
from sqlalchemy.pool import ConnectionPoolEntry

from service.usecases import deadlines

BUSY_TIMEOUT_S = 3
"""The lock timeout for another process's write, in seconds."""
IN_LOOP_S = 0.2
"""The lock timeout of reads in the event loop, where all other calls would wait as well."""
RETRY_S = 0.005
CACHE_KIB = 1024
"""The page cache of a connection, half of SQLite's default: the system caches the file."""
_WAITS = "discount_waits"
"""The key of a connection's lock timeout, if it is not `BUSY_TIMEOUT_S`."""


class OwnConnections:
    """A connection for each thread, opened once and kept until `close`.

    Args:
        engine: Opens them.
        longest_wait: Tells how many seconds the caller may wait for a lock.
    """

    def __init__(self, engine: Engine, longest_wait: Callable[[], float]) -> None:
        self._engine = engine
        self._longest_wait = longest_wait
        self._own = threading.local()
        self._era = object()
        self._all: list[PoolProxiedConnection] = []

    def get(self) -> sqlite3.Connection:
        """Return this thread's own connection."""
        if getattr(self._own, "era", None) is not self._era:
            lent = self._engine.raw_connection()
            self._own.connection = lent.driver_connection
            lent.detach()  # it no longer belongs to the pool
            let_wait(self._own.connection, self._longest_wait())
            self._own.lent, self._own.era = lent, self._era
            self._all.append(lent)
        own: sqlite3.Connection = self._own.connection
        return own

    def discard(self) -> None:
        """Close this thread's connection."""
        self._own.era = None
        self._all.remove(self._own.lent)
        self._own.lent.close()

    def close(self) -> None:
        """Close all; later use opens new ones."""
        self._era = object()
        while self._all:
            self._all.pop().close()


def set_up(longest_wait: Callable[[], float], connection: sqlite3.Connection, _record: Any) -> None:
    """Prepare a new connection, and prevent that the driver begins transactions.

    https://docs.sqlalchemy.org/en/21/dialects/sqlite.html#pysqlite-serializable
    """
    connection.isolation_level = None
    let_wait(connection, longest_wait())
    _keep_a_write_ahead_log(connection, longest_wait())
    connection.execute("PRAGMA synchronous = FULL")  # answered changes survive a power loss
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def longest_wait(*, in_event_loop: bool) -> float:
    """Return how many seconds a caller may wait for a lock."""
    return IN_LOOP_S if in_event_loop else BUSY_TIMEOUT_S


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's connection, in the same transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for the type checker
    return driver


def let_wait(connection: sqlite3.Connection, seconds: float) -> None:
    """Set for how long a connection waits for a lock."""
    connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")


def keep_to_the_deadline(
    connection: sqlite3.Connection, record: ConnectionPoolEntry, _lent: PoolProxiedConnection
) -> None:
    """Limit the lock timeout to the call's deadline."""
    seconds = deadlines.left(BUSY_TIMEOUT_S)
    if seconds != record.info.get(_WAITS, BUSY_TIMEOUT_S):
        let_wait(connection, seconds)
        record.info[_WAITS] = seconds


def _keep_a_write_ahead_log(connection: sqlite3.Connection, within_s: float) -> None:
    """Set WAL mode, in which readers and the writer do not block each other.

    SQLite's lock timeout does not apply to this switch: of several processes that open a new
    file at the same time, all but one fail immediately. https://www.sqlite.org/pragma.html#pragma_journal_mode

    Raises:
        sqlite3.OperationalError: The file stayed locked, or cannot be opened.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_S)
        else:
            return
