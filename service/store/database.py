"""The database interface, the same for all engines, and only used in `store/`."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.domain.errors import Unavailable
from service.store.dialect import OPTION, Dialect
from service.store.signals import Signals, ThreadSignals
from service.store.space import Reserve, Space

_BEGIN = "discount_begin"
"""Execution option: the statement that begins a transaction, `None` for no transaction."""

Result = TypeVar("Result")
Work = Callable[[Connection], Result]
"""A part of a transaction. It may run twice, after a rollback of the first run."""


class Connections(NamedTuple):
    """The connections of a process."""

    in_use: int
    idle: int
    most: int
    """Most connections."""


class Observer(Protocol):
    """An observer of a database."""

    def read(self, seconds: float) -> None:
        """Note the duration of a read."""

    def commit(self, writes: int, waiting: int, seconds: float) -> None:
        """Note the number of writes in a transaction, of waiting writes, and the duration."""


class NullObserver:
    """An observer that does nothing."""

    def read(self, seconds: float) -> None:
        """Do nothing."""

    def commit(self, writes: int, waiting: int, seconds: float) -> None:
        """Do nothing."""


RoundTrip = Callable[[str, float], None]
"""Called in the caller's thread with the operation and its duration in seconds."""


class Database(ABC):
    """A database with its operations: `read`, `write`, and an exclusive `transaction`.

    Nothing is opened before it is used.

    Args:
        url: An SQLAlchemy URL.
        options: Further arguments of SQLAlchemy's `create_engine`.
        observer: The observer.
        signals: The signals for waiting callers.
    """

    dialect: ClassVar[Dialect]
    """The dialect of the engine, which every connection has."""
    begin: ClassVar[str] = "BEGIN"
    """The statement that begins a transaction."""
    begin_snapshot: ClassVar[str] = "BEGIN"
    """The statement that begins a transaction on a snapshot."""

    def __init__(
        self,
        url: str | URL,
        options: Mapping[str, Any],
        observer: Observer | None,
        signals: Signals | None,
    ) -> None:
        # Error texts reach the log; codes and users must not.
        self.engine = create_engine(
            url, **options, hide_parameters=True, execution_options={OPTION: self.dialect}
        )
        event.listen(self.engine, "begin", self._begin)
        self._reader = self.engine.execution_options(**{_BEGIN: None})
        self._observer = observer or NullObserver()
        self.signals = signals or ThreadSignals()
        self._round_trip: RoundTrip | None = None
        self.reserve = Reserve(self.space, 0)
        """The space that is reserved for reservations; none by default."""

    def _begin(self, connection: Connection) -> None:
        """Begin a transaction explicitly: drivers begin it too late, or unasked."""
        statement = connection.get_execution_options().get(_BEGIN, self.begin)
        if statement:
            connection.exec_driver_sql(statement)

    def trace(self, round_trip: RoundTrip) -> None:
        """Trace each round trip from now on: each statement, and each write as a whole."""
        self._round_trip = round_trip

        def begin(*context: Any) -> None:
            context[4].began = time.perf_counter()

        def end(*context: Any) -> None:
            operation = context[2].split(maxsplit=1)[0]
            round_trip(operation, time.perf_counter() - context[4].began)

        event.listen(self.engine, "before_cursor_execute", begin)
        event.listen(self.engine, "after_cursor_execute", end)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection on which each statement sees the latest committed state.

        Raises:
            Unavailable: The database cannot answer now.
        """
        began = time.perf_counter()
        with self._as_unavailable(), self._reader.connect() as connection:
            yield connection
        self._observer.read(time.perf_counter() - began)

    def probe(self) -> AbstractContextManager[Connection]:
        """Yield a connection for checks of the database's health.

        Raises:
            Unavailable: The database cannot answer now.
        """
        return self.read()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a transaction that is not shared and has no deadline.

        It is durable after the block, and rolled back after an exception.

        Raises:
            Unavailable: The database cannot answer now; nothing was done, unless the answer to the
                commit was lost.
        """
        with self._as_unavailable(), self.engine.begin() as connection:
            yield connection

    def migration(self) -> AbstractContextManager[Connection]:
        """Run a transaction that changes tables, exclusively.

        Raises:
            Unavailable: The database cannot answer now, or a table is in use for too long.
        """
        return self.transaction()

    def gave_way(self, unavailable: Unavailable) -> bool:
        """Return whether a migration was undone because of others' locks and may be retried."""
        return False

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Yield a connection on which all statements see the same snapshot, without a deadline.

        While the snapshot is open, the database cannot clean up.

        Raises:
            Unavailable: The database cannot answer now.
        """
        engine = self.engine.execution_options(**{_BEGIN: self.begin_snapshot})
        with self._as_unavailable(), engine.begin() as connection:
            yield connection

    @abstractmethod
    def write(self, work: Work[Result]) -> Result:
        """Do `work` in a transaction, perhaps with that of others, and return when it is durable.

        Raises:
            Unavailable: The database cannot answer now; `work` is done completely or not at all.
            Exception: `work` raised it, and nothing was changed.
        """

    def others_write(self) -> bool:
        """Return whether others write or wait to write; only for engines with a single writer."""
        return False

    @abstractmethod
    def space(self) -> Space | None:
        """Return by how many bytes the database may grow; `None` if unknown.

        Raises:
            Unavailable: The database cannot answer now.
        """

    def wal_bytes(self) -> int | None:
        """Return the size of SQLite's write-ahead log; `None` on another engine."""
        return None

    def last_backup(self) -> float | None:
        """Return the Unix time of SQLite's last backup, 0 without one; `None` on another engine."""
        return None

    @property
    @abstractmethod
    def waiting_writes(self) -> int:
        """Number of waiting writes."""

    @property
    @abstractmethod
    def connections(self) -> Connections:
        """The shared connections, without those that threads keep."""

    @abstractmethod
    def why_not_ready(self) -> str | None:
        """Return why the database is not ready, or `None`.

        Raises:
            Unavailable: The database does not answer.
        """

    def close(self) -> None:
        """Finish the waiting writes, and close all connections; later use opens new ones."""
        self.engine.dispose()

    @contextmanager
    def _as_unavailable(self) -> Iterator[None]:
        """Convert temporary errors to `Unavailable`: locks, full disks, lost connections."""
        try:
            yield
        except PoolTimeout as error:
            raise Unavailable from error
        except DBAPIError as error:
            if self._is_our_fault(error.orig):
                raise
            raise Unavailable from error

    @abstractmethod
    def _is_our_fault(self, error: BaseException | None) -> bool:
        """Return whether an error is a bug, rather than temporary or an operator's concern."""
