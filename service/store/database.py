"""A database as statements use it, whichever engine it is; nothing outside `store/` sees one."""

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
"""Does its part on a connection in a transaction. It may be run twice, the first run undone."""


class Connections(NamedTuple):
    """The connections of a process."""

    in_use: int
    idle: int
    most: int
    """How many there may be."""


class Observer(Protocol):
    """Hears what a database does."""

    def read(self, seconds: float) -> None:
        """Note a read."""

    def commit(self, writes: int, waiting: int, seconds: float) -> None:
        """Note how many writes shared a transaction, how many wait behind it, how long it took."""


class Nobody:
    """Takes no notice."""

    def read(self, seconds: float) -> None:
        """Do nothing."""

    def commit(self, writes: int, waiting: int, seconds: float) -> None:
        """Do nothing."""


RoundTrip = Callable[[str, float], None]
"""Hears in the caller's thread what was asked of the database, and how many seconds it took."""


class Database(ABC):
    """One engine, and the ways to use it: `read`, `write`, and a `transaction` of one's own.

    Nothing is opened before it is used.

    Args:
        url: An SQLAlchemy URL.
        options: What SQLAlchemy's `create_engine` is told beside it.
        observer: Is told what the database does.
        signals: How callers wait.
    """

    dialect: ClassVar[Dialect]
    """What the engine does in its own way; every connection has it."""
    begin: ClassVar[str] = "BEGIN"
    """The statement that begins a transaction."""
    begin_snapshot: ClassVar[str] = "BEGIN"
    """The statement that begins one which sees one moment only."""

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
        self._observer = observer or Nobody()
        self.signals = signals or ThreadSignals()
        self._round_trip: RoundTrip | None = None
        self.reserve = Reserve(self.space, 0)
        """What of its space is kept for reservations; none unless whoever opens it says so."""

    def _begin(self, connection: Connection) -> None:
        """Begin where we want it: drivers, left alone, begin too late or when none is asked for."""
        statement = connection.get_execution_options().get(_BEGIN, self.begin)
        if statement:
            connection.exec_driver_sql(statement)

    def trace(self, round_trip: RoundTrip) -> None:
        """Tell of each round trip from now on: of each statement, and of each write as a whole."""
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
        """Lend a connection on which each statement sees the latest committed state.

        Raises:
            Unavailable: The database cannot answer now.
        """
        began = time.perf_counter()
        with self._as_unavailable(), self._reader.connect() as connection:
            yield connection
        self._observer.read(time.perf_counter() - began)

    def probe(self) -> AbstractContextManager[Connection]:
        """Lend a connection as `read` does, to whoever asks for the database's health.

        Raises:
            Unavailable: The database cannot answer now.
        """
        return self.read()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a transaction of one's own, that takes as long as it takes.

        It is durable when the block has been left without an exception, and undone otherwise.

        Raises:
            Unavailable: The database cannot answer now; nothing was done, unless the answer to
                the very commit was lost.
        """
        with self._as_unavailable(), self.engine.begin() as connection:
            yield connection

    def migration(self) -> AbstractContextManager[Connection]:
        """Run a transaction that changes tables, when no other does.

        Raises:
            Unavailable: The database cannot answer now, or a table is in use for long.
        """
        return self.transaction()

    def gave_way(self, unavailable: Unavailable) -> bool:
        """Return whether a migration was undone because of others' locks and may be retried."""
        return False

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Lend a connection on which every statement sees the same moment, however long it takes.

        While it is lent, the database keeps what it would else clean up.

        Raises:
            Unavailable: The database cannot answer now.
        """
        engine = self.engine.execution_options(**{_BEGIN: self.begin_snapshot})
        with self._as_unavailable(), engine.begin() as connection:
            yield connection

    @abstractmethod
    def write(self, work: Work[Result]) -> Result:
        """Do `work` in a transaction, perhaps with others', and return once it is durable.

        Raises:
            Unavailable: The database cannot answer now; `work` is wholly done or not at all.
            Exception: `work` raised it, and nothing was changed.
        """

    def others_write(self) -> bool:
        """Return whether others write or wait to, where only one can at a time."""
        return False

    @abstractmethod
    def space(self) -> Space | None:
        """Return by how much the database may grow; `None` where nobody knows.

        Raises:
            Unavailable: The database cannot answer now.
        """

    @property
    @abstractmethod
    def waiting_writes(self) -> int:
        """How many writes have not begun."""

    @property
    @abstractmethod
    def connections(self) -> Connections:
        """The connections that callers share; those that threads keep are not among them."""

    @abstractmethod
    def why_not_ready(self) -> str | None:
        """Say why calls could not be served now, `None` if they could.

        Raises:
            Unavailable: The database gives no sign of life.
        """

    def close(self) -> None:
        """Finish the writes that wait, and close all connections; later use opens new ones."""
        self.engine.dispose()

    @contextmanager
    def _as_unavailable(self) -> Iterator[None]:
        """Say `Unavailable` for what passes by itself: a lock, a full disk, a lost connection."""
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
        """Tell what no waiting mends from what passes by itself, or by an operator."""
