"""The database on SQLite: connections, transactions and errors."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, PoolProxiedConnection, QueuePool, event
from sqlalchemy.pool import ConnectionPoolEntry

from service.domain.errors import Unavailable
from service.settings import SettingsError
from service.store.database import Connections, Database, Observer, Result, Work
from service.store.group_commit import GroupCommit
from service.store.signals import Signals
from service.store.space import Space
from service.store.sqlite.dialect import SQLiteDialect
from service.store.sqlite.files import DatabaseFiles, FileMovedError, make_file, path_of
from service.store.sqlite.write_lock import WriteLock
from service.usecases import deadlines

BUSY_TIMEOUT_S = 3
"""How long SQLite waits for another process's write."""
IN_LOOP_S = 0.2
"""The same for reads in the event loop, where all other calls would wait as well."""
CHECKPOINTED_BYTES = 1000 * 4096
"""The size of the write-ahead log at which it is checkpointed, unless a reader prevents that
(https://www.sqlite.org/wal.html#automatic_checkpoint)."""
RETRY_S = 0.005
CACHE_KIB = 1024
"""The page cache of a connection, half of SQLite's default: the system caches the file."""
POOL_TIMEOUT_S = 2
EXTRA = 3
"""Connections in addition to one for each thread."""
_WAITS = "discount_waits"
"""The key of a connection's lock timeout, if it is not `BUSY_TIMEOUT_S`."""
_OUR_FAULTS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)


class SQLiteDatabase(Database):
    """An SQLite file. Readers do not wait; writers share transactions, one at a time.

    Args:
        url: The URL, as in the settings, with an absolute path.
        threads: The number of threads; each gets a connection.
        observer: The observer.
        signals: The signals for waiting callers.

    Raises:
        SettingsError: The folder of the file does not exist.
    """

    dialect = SQLiteDialect()
    begin = "BEGIN IMMEDIATE"
    """Takes the write lock at the beginning, so that reads before a write are not stale."""

    def __init__(
        self,
        url: str,
        threads: int,
        observer: Observer | None = None,
        signals: Signals | None = None,
    ) -> None:
        path = _file_in_a_folder(url)
        self._files = DatabaseFiles(path)
        options = {
            "creator": self._files.connect,  # which makes no file; `migration` does
            "pool_size": threads,
            "max_overflow": EXTRA,  # the writer, and a probe or scrape while every thread is busy
            "pool_timeout": POOL_TIMEOUT_S,
            "pool_use_lifo": True,  # few caches that are warm, not many that are cold
        }
        self._most = threads + EXTRA
        super().__init__(URL.create("sqlite", database=str(path)), options, observer, signals)
        event.listen(self.engine, "connect", self._set_up)
        event.listen(self.engine, "checkout", _keep_to_the_deadline)
        self._own = threading.local()
        self._era = object()
        self._all_kept: list[PoolProxiedConnection] = []
        self._write_lock = WriteLock(Path(f"{path}-writers"))
        self._group_commit: GroupCommit[Work[Any], Any] = GroupCommit(self._together, self.signals)

    def row(self, statement: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Read one row without SQLAlchemy, on a connection of this thread.

        Raises:
            Unavailable: The database cannot answer now.
        """
        began = time.perf_counter()
        with self._as_unavailable():
            kept = self._kept()
            try:
                row: tuple[Any, ...] | None = kept.execute(statement, values).fetchone()
            except sqlite3.Error:
                self._let_go()  # whatever it was, the next read begins anew
                raise
        seconds = time.perf_counter() - began
        if self._round_trip:
            self._round_trip("SELECT", seconds)
        self._observer.read(seconds)
        return row

    def _kept(self) -> sqlite3.Connection:
        """Return this thread's connection, which stays open until `close`."""
        if getattr(self._own, "era", None) is not self._era:
            lent = self.engine.raw_connection()
            self._own.connection = lent.driver_connection
            lent.detach()  # it is not the pool's any more
            _let_wait(self._own.connection, self._longest_wait())
            self._own.lent, self._own.era = lent, self._era
            self._all_kept.append(lent)
        kept: sqlite3.Connection = self._own.connection
        return kept

    def _set_up(self, connection: sqlite3.Connection, _record: Any) -> None:
        """Prepare a new connection, and prevent that the driver begins transactions.

        https://docs.sqlalchemy.org/en/21/dialects/sqlite.html#pysqlite-serializable
        """
        connection.isolation_level = None
        _let_wait(connection, self._longest_wait())
        _keep_a_write_ahead_log(connection, self._longest_wait())
        connection.execute("PRAGMA synchronous = FULL")  # what was answered survives a power loss
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")

    def _longest_wait(self) -> float:
        """Return how many seconds the caller may wait for a lock."""
        return IN_LOOP_S if self.signals.in_event_loop() else BUSY_TIMEOUT_S

    def _let_go(self) -> None:
        """Close this thread's connection."""
        self._own.era = None
        self._all_kept.remove(self._own.lent)
        self._own.lent.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a transaction without a deadline, visible to others that wait to write.

        Raises:
            Unavailable: The database cannot answer now, and nothing was done; or its files were
                removed, and the result is lost.
        """
        with self._as_unavailable():
            self._files.require_main()
            with self._write_lock.held(), super().transaction() as connection:
                self._files.require_all(connection.info)
                yield connection
            self._files.require_main()

    @contextmanager
    def migration(self) -> Iterator[Connection]:
        """Run a transaction that changes tables, in a file that is created if there is none.

        Raises:
            Unavailable: The database cannot be written now.
        """
        make_file(self._files.path)
        with self.transaction() as connection:
            yield connection

    def others_write(self) -> bool:
        """Return whether others write or wait to write; must not be called in a transaction."""
        return self._write_lock.contended()

    def write(self, work: Work[Result]) -> Result:
        """Do `work` in a transaction with that of others, and return when it is durable.

        Raises:
            Unavailable: The database cannot answer now; `work` is done completely or not at all.
            Exception: `work` raised it, and nothing was changed.
        """
        began = time.perf_counter()
        try:
            result: Result = self._group_commit.run(work)
            return result
        finally:
            if self._round_trip:
                self._round_trip("transaction", time.perf_counter() - began)

    def _together(self, works: Sequence[Work[Any]]) -> list[Any]:
        """Do several works in one transaction."""
        began = time.perf_counter()
        try:
            with self.transaction() as connection:
                return [work(connection) for work in works]
        finally:
            seconds = time.perf_counter() - began
            self._observer.commit(len(works), self.waiting_writes, seconds)

    def space(self) -> Space | None:
        """Return the free space on the disk, and the reusable space in the file and its log.

        A checkpointed log is overwritten from its start, so its size is reusable space: otherwise
        a disk that it has filled would stay too full for ever.

        Raises:
            Unavailable: The database cannot answer now.
        """
        path = self._files.path.resolve()
        try:
            disk = os.statvfs(path.parent)
        except OSError:
            return None
        log = 0
        with suppress(OSError):
            log = min(path.with_name(f"{path.name}-wal").stat().st_size, CHECKPOINTED_BYTES)
        with self.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
            size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        return disk.f_bavail * disk.f_frsize + log, pages * size

    @property
    def waiting_writes(self) -> int:
        """Number of waiting writes."""
        return self._group_commit.waiting

    @property
    def connections(self) -> Connections:
        """The shared connections, without those that threads keep."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)  # noqa: S101 - for the type checker
        return Connections(pool.checkedout(), pool.checkedin(), self._most)

    def why_not_ready(self) -> str | None:
        """Check that the database answers, and that its files are those that were opened.

        Raises:
            Unavailable: The database does not answer.
        """
        if why := self._files.why_moved():
            return why
        with self.snapshot() as connection:
            connection.exec_driver_sql("SELECT 1 FROM sqlite_schema").all()
            try:
                self._files.require_all(connection.info)
            except FileMovedError as moved:
                return str(moved)
        return None

    def close(self) -> None:
        """Finish the waiting writes, and close all connections; later use opens new ones."""
        self._group_commit.close()
        self._era = object()
        while self._all_kept:
            self._all_kept.pop().close()
        super().close()

    @contextmanager
    def _as_unavailable(self) -> Iterator[None]:
        try:
            with super()._as_unavailable():
                yield
        except sqlite3.Error as error:
            if self._is_our_fault(error):
                raise
            raise Unavailable from error

    def _is_our_fault(self, error: BaseException | None) -> bool:
        return isinstance(error, _OUR_FAULTS)


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's connection, in the same transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for the type checker
    return driver


def _file_in_a_folder(url: str) -> Path:
    """Return the file of a URL, whose folder must exist.

    Raises:
        SettingsError: It does not: a typing error must not create a new, empty database.
    """
    path = path_of(url)
    if not path.parent.is_dir():
        raise SettingsError(f"DISCOUNT_DATABASE_URL: there is no folder {path.parent}.")
    return path


def _let_wait(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")


def _keep_to_the_deadline(
    connection: sqlite3.Connection, record: ConnectionPoolEntry, _lent: PoolProxiedConnection
) -> None:
    """Limit the lock timeout to the call's deadline."""
    seconds = deadlines.left(BUSY_TIMEOUT_S)
    if seconds != record.info.get(_WAITS, BUSY_TIMEOUT_S):
        _let_wait(connection, seconds)
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
