"""The database on SQLite: connections, transactions and errors."""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, QueuePool, event

from service.domain.errors import Unavailable
from service.settings import SettingsError
from service.store.database import Connections, Database, Observer, Result, Work
from service.store.group_commit import GroupCommit
from service.store.signals import Signals
from service.store.space import Space
from service.store.sqlite.connections import (
    OwnConnections,
    keep_to_the_deadline,
    longest_wait,
    set_up,
)
from service.store.sqlite.dialect import SQLiteDialect
from service.store.sqlite.files import (
    DatabaseFiles,
    FileMovedError,
    last_backup,
    make_file,
    path_of,
)
from service.store.sqlite.space import space_of, wal_bytes
from service.store.sqlite.write_lock import WriteLock

POOL_TIMEOUT_S = 2
EXTRA = 3
"""Connections in addition to one for each thread."""
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
            "pool_use_lifo": True,  # a few warm caches instead of many
        }
        self._most = threads + EXTRA
        super().__init__(URL.create("sqlite", database=str(path)), options, observer, signals)
        event.listen(self.engine, "connect", partial(set_up, self._longest_wait))
        event.listen(self.engine, "checkout", keep_to_the_deadline)
        self._own = OwnConnections(self.engine, self._longest_wait)
        self._write_lock = WriteLock(Path(f"{path}-writers"))
        self._group_commit: GroupCommit[Work[Any], Any] = GroupCommit(
            self._together, self.signals, self.dialect.is_full
        )

    def row(self, statement: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Read one row without SQLAlchemy, on a connection of this thread.

        Raises:
            Unavailable: The database cannot answer now.
        """
        began = time.perf_counter()
        with self._as_unavailable():
            own = self._own.get()
            try:
                row: tuple[Any, ...] | None = own.execute(statement, values).fetchone()
            except sqlite3.Error:
                self._own.discard()  # whatever happened, the next read begins anew
                raise
        seconds = time.perf_counter() - began
        if self._round_trip:
            self._round_trip("SELECT", seconds)
        self._observer.read(seconds)
        return row

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

    def _longest_wait(self) -> float:
        """Return how many seconds the caller may wait for a lock."""
        return longest_wait(in_event_loop=self.signals.in_event_loop())

    def space(self) -> Space | None:
        """Return the free space on the disk, and the reusable space in the file and its log.

        Raises:
            Unavailable: The database cannot answer now.
        """
        with self.read() as connection:
            return space_of(self._files.path.resolve(), connection)

    def wal_bytes(self) -> int | None:
        """Return the size of the write-ahead log; `None` if it is unknown."""
        return wal_bytes(self._files.path.resolve())

    def last_backup(self) -> float | None:
        """Return the Unix time of the last backup; 0 without one."""
        return last_backup(self._files.path.resolve())

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
        """Check that the database answers and can be written, and that its files are still there.

        Raises:
            Unavailable: The database does not answer.
        """
        if why := self._files.why_moved():
            return why
        if self._write_lock.is_read_only():
            return "read-only"
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
        self._own.close()
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


def _file_in_a_folder(url: str) -> Path:
    """Return the file of a URL, whose folder must exist.

    Raises:
        SettingsError: It does not: a typing error must not create a new, empty database.
    """
    path = path_of(url)
    if not path.parent.is_dir():
        raise SettingsError(f"DISCOUNT_DATABASE_URL: there is no folder {path.parent}.")
    return path
