"""How PostgreSQL is used: who commits when, what is tried again, and what its errors mean."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

import psycopg
from sqlalchemy import Connection, NullPool, create_engine, text

from service.domain.errors import Unavailable
from service.store.database import Connections, Database, Observer, Result, Work
from service.store.group_commit import GroupCommit
from service.store.postgresql.connection import Asked, Row
from service.store.postgresql.dialect import PostgreSQLDialect
from service.store.postgresql.driver import driver_of
from service.store.postgresql.error_meaning import (
    ATTEMPTS,
    is_lost_to_others,
    is_our_fault,
    is_undone,
    is_undone_or_lost,
    may_retry,
)
from service.store.postgresql.pool import PostgreSQLPool
from service.store.signals import Signals
from service.store.space import Space

DRIVER = "postgresql+psycopg://"
_SIZE = text("SELECT pg_database_size(current_database())")
PROBE_S = 0.8
"""How long a look at the database's health may take: two must be told of within 1 s."""
MIGRATION_LOCK = 0x646973636F756E74
"""The advisory lock of whoever changes tables: "discount" in ASCII."""
MIGRATION_LOCK_MS = 500
"""How long a migration waits for a table before its next attempt.

It is less than PostgreSQL's `deadlock_timeout` of 1 s: where a call and a migration wait for each
other's tables, the migration gives up.
"""


class PostgreSQLDatabase(Database):
    """A server. Each write is a transaction of its own; many happen at once.

    Args:
        conninfo: Tells where to connect and as whom, asked anew for each connection.
        threads: How many threads use it at once; each gets a connection.
        observer: Is told what the database does.
        signals: How callers wait.
        prepared: Whether the server keeps prepared statements for a connection.
        capacity: How many bytes the database may have; `None` if nobody knows.
    """

    dialect = PostgreSQLDialect()
    begin_snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def __init__(
        self,
        conninfo: Callable[[], str],
        threads: int,
        observer: Observer | None = None,
        signals: Signals | None = None,
        *,
        prepared: bool = True,
        capacity: int | None = None,
    ) -> None:
        self._capacity = capacity
        # Two more: for a scrape while every thread is busy.
        self._pool = PostgreSQLPool(conninfo, threads + 2, prepared=prepared)
        options = {"poolclass": NullPool, "creator": self._pool.take, "use_native_hstore": False}
        super().__init__(DRIVER, options, observer, signals)
        self._group_commit = GroupCommit(self._together, self.signals, self.dialect.is_full)
        # Health must not be judged by how long callers queue, or by what befell their connections.
        self._health = PostgreSQLPool(conninfo, 1, prepared=prepared, timeout_s=PROBE_S)
        self._prober = create_engine(DRIVER, **options | {"creator": self._health.take})

    def one(
        self,
        statement: str,
        values: Mapping[str, Any],
        wrote: Callable[[tuple[Any, ...]], bool] = lambda _row: False,
    ) -> tuple[Any, ...] | None:
        """Run one statement, past SQLAlchemy; return its first row, once that is durable.

        Args:
            statement: One that may be run again when nobody knows whether it was done.
            values: Its parameters.
            wrote: Tells from the row whether anything was written.

        Raises:
            Unavailable: The database cannot answer now.
            psycopg.IntegrityError: A key stands against it; it did nothing.
        """
        began = time.perf_counter()
        row = self._group_commit.run(Asked(statement, values, wrote))
        if self._round_trip:
            self._round_trip(statement.split(maxsplit=1)[0], time.perf_counter() - began)
        return row

    def _together(self, asked: Sequence[Asked]) -> list[Row | None]:
        """Run statements in one transaction and one round trip, and return the first row of each.

        Raises:
            Unavailable, psycopg.IntegrityError: As of `one`.
        """
        began = time.perf_counter()
        # In one order everywhere: two transactions must not wait for each other's keys.
        order = sorted(range(len(asked)), key=lambda n: [*map(str, asked[n].values.values())])
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._as_unavailable(), self._pool.lend() as connection:
                    found = connection.first_rows([asked[n] for n in order])
                break
            except Unavailable as unavailable:
                if not is_undone_or_lost(unavailable.__cause__) or not may_retry(attempt, began):
                    raise
        seconds = time.perf_counter() - began
        rows = [row for _, row in sorted(zip(order, found, strict=True), key=itemgetter(0))]
        writes = sum(
            row is not None and one.wrote(row) is True for one, row in zip(asked, rows, strict=True)
        )
        if writes:
            self._observer.commit(writes, self.waiting_writes, seconds)
        else:
            self._observer.read(seconds)
        return rows

    def write(self, work: Work[Result]) -> Result:
        """Do `work` in a transaction, and return once it is durable.

        It is tried again only where the server says that nothing was done, or where it was lost
        before anything began.

        Raises:
            Unavailable: The database cannot answer now; `work` is wholly done or not at all.
            Exception: `work` raised it, and nothing was changed.
        """
        began = time.perf_counter()
        attempt, begun = 1, False
        while True:
            try:
                with self._as_unavailable(), self.engine.begin() as connection:
                    begun = True
                    result = work(connection)
                break
            except Unavailable as unavailable:
                undone = not begun or is_undone(unavailable.__cause__)
                if not undone or not may_retry(attempt, began):
                    raise
            attempt, begun = attempt + 1, False
        seconds = time.perf_counter() - began
        if self._round_trip:
            self._round_trip("transaction", seconds)
        self._observer.commit(1, self.waiting_writes, seconds)
        return result

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a transaction of one's own, that takes as long as it takes.

        Raises:
            Unavailable: The database cannot answer now; nothing was done, unless the answer to
                the very commit was lost.
        """
        with super().transaction() as connection:
            driver_of(connection).deadline = math.inf
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Lend a connection on which every statement sees the same moment, however long it takes.

        Raises:
            Unavailable: The database cannot answer now.
        """
        with super().snapshot() as connection:
            driver_of(connection).deadline = math.inf
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            # Its reader may be waiting for a slow client, but not for one that is gone.
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '60s'"))
            yield connection

    @contextmanager
    def migration(self) -> Iterator[Connection]:
        """Run a transaction that changes tables, when no other does.

        It waits long for another migration, and shortly for whoever uses the tables: behind a
        waiting ALTER TABLE, everybody else would wait, too.

        Raises:
            Unavailable: The database cannot answer now, or a table is in use for long.
        """
        with self.transaction() as connection:
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            connection.execute(text(f"SET LOCAL lock_timeout = '{MIGRATION_LOCK_MS}ms'"))
            yield connection

    def gave_way(self, unavailable: Unavailable) -> bool:
        """Return whether a migration was undone because of others' locks and may be retried."""
        return is_lost_to_others(unavailable.__cause__)

    @contextmanager
    def probe(self) -> Iterator[Connection]:
        """Lend a connection that no caller uses, to whoever asks for the database's health.

        Raises:
            Unavailable: The database cannot answer now.
        """
        with self._as_unavailable(self._health), self._prober.connect() as connection:
            yield connection

    def space(self) -> Space | None:
        """Return how far the database is from what it may have.

        The server's disk cannot be seen by its clients.

        Raises:
            Unavailable: The database cannot answer now.
        """
        if self._capacity is None:
            return None
        with self.probe() as connection:
            size = connection.execute(_SIZE).scalar_one()
        return max(0, self._capacity - size), 0

    @property
    def waiting_writes(self) -> int:
        """How many statements have not begun, and how many threads wait for a connection."""
        return self._group_commit.waiting + self._pool.waiting

    @property
    def connections(self) -> Connections:
        """The connections that callers share."""
        return self._pool.connections

    def why_not_ready(self) -> str | None:
        """Return whether the server takes writes.

        Raises:
            Unavailable: It gives no sign of life.
        """
        with self.probe() as connection:
            if connection.execute(text("SHOW transaction_read_only")).scalar() == "on":
                driver_of(connection).stale = True  # another may find the primary
                return "read-only"
        return None

    def close(self) -> None:
        """Close all connections; later use opens new ones."""
        self._group_commit.close()
        super().close()
        self._pool.close()
        self._health.close()

    @contextmanager
    def _as_unavailable(self, pool: PostgreSQLPool | None = None) -> Iterator[None]:
        pool = pool or self._pool
        try:
            with super()._as_unavailable():
                yield
        except psycopg.Error as error:
            if self._is_our_fault(error):
                raise
            pool.note(answered=False)
            raise Unavailable from error
        except Unavailable:
            pool.note(answered=False)
            raise
        pool.note(answered=True)

    def _is_our_fault(self, error: BaseException | None) -> bool:
        return is_our_fault(error)
