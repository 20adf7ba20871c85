"""The database on PostgreSQL: transactions, retries and errors."""

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
from service.store.postgresql.connection import PendingStatement, Row
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
"""The timeout of a health check: two must end within 1 s."""
MIGRATION_LOCK = 0x646973636F756E74
"""The advisory lock of migrations: "discount" in ASCII."""
MIGRATION_LOCK_MS = 500
"""The lock timeout of a migration before its next attempt.

It is less than PostgreSQL's `deadlock_timeout` of 1 s, so that a migration gives up before a call.
"""


class PostgreSQLDatabase(Database):
    """A PostgreSQL server. Each write is a transaction of its own; many are concurrent.

    Args:
        conninfo: Returns the connection string, called for each connection.
        threads: The number of threads; each gets a connection.
        observer: The observer.
        signals: The signals for waiting callers.
        prepared: Whether connections can have prepared statements.
        capacity: The capacity in bytes; `None` if unknown.
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
        # Health must not be judged by how long callers queue, or by faults of their connections.
        self._health = PostgreSQLPool(conninfo, 1, prepared=prepared, timeout_s=PROBE_S)
        self._prober = create_engine(DRIVER, **options | {"creator": self._health.take})

    def one(
        self,
        statement: str,
        values: Mapping[str, Any],
        wrote: Callable[[tuple[Any, ...]], bool] = lambda _row: False,
    ) -> tuple[Any, ...] | None:
        """Run one statement without SQLAlchemy; return its first row when that is durable.

        Args:
            statement: An idempotent statement, which may be repeated.
            values: Its parameters.
            wrote: Returns whether the row shows a write.

        Raises:
            Unavailable: The database cannot answer now.
            psycopg.IntegrityError: A key is violated; nothing was changed.
        """
        began = time.perf_counter()
        row = self._group_commit.run(PendingStatement(statement, values, wrote))
        if self._round_trip:
            self._round_trip(statement.split(maxsplit=1)[0], time.perf_counter() - began)
        return row

    def _together(self, statements: Sequence[PendingStatement]) -> list[Row | None]:
        """Run statements in one transaction and one round trip, and return the first row of each.

        Raises:
            Unavailable, psycopg.IntegrityError: As with `one`.
        """
        began = time.perf_counter()
        # Sorted: two transactions must not wait for each other's keys.
        order = sorted(
            range(len(statements)), key=lambda n: [*map(str, statements[n].values.values())]
        )
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._as_unavailable(), self._pool.lend() as connection:
                    found = connection.first_rows([statements[n] for n in order])
                break
            except Unavailable as unavailable:
                if not is_undone_or_lost(unavailable.__cause__) or not may_retry(attempt, began):
                    raise
        seconds = time.perf_counter() - began
        rows = [row for _, row in sorted(zip(order, found, strict=True), key=itemgetter(0))]
        writes = sum(
            row is not None and one.wrote(row) is True
            for one, row in zip(statements, rows, strict=True)
        )
        if writes:
            self._observer.commit(writes, self.waiting_writes, seconds)
        else:
            self._observer.read(seconds)
        return rows

    def write(self, work: Work[Result]) -> Result:
        """Do `work` in a transaction, and return when it is durable.

        It is retried only if the server says that nothing was done, or if the connection was lost
        before the beginning.

        Raises:
            Unavailable: The database cannot answer now; `work` is done completely or not at all.
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
        """Run a transaction that is not shared and has no deadline.

        Raises:
            Unavailable: The database cannot answer now; nothing was done, unless the answer to the
                commit was lost.
        """
        with super().transaction() as connection:
            driver_of(connection).deadline = math.inf
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Yield a connection on which all statements see the same snapshot, without a deadline.

        Raises:
            Unavailable: The database cannot answer now.
        """
        with super().snapshot() as connection:
            driver_of(connection).deadline = math.inf
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            # The reader may wait for a slow client, but not for a disconnected one.
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '60s'"))
            yield connection

    @contextmanager
    def migration(self) -> Iterator[Connection]:
        """Run a transaction that changes tables, exclusively.

        It waits long for other migrations, but only briefly for other users of the tables: behind a
        waiting ALTER TABLE, everybody else would wait as well.

        Raises:
            Unavailable: The database cannot answer now, or a table is in use for too long.
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
        """Yield a connection for health checks, which callers do not use.

        Raises:
            Unavailable: The database cannot answer now.
        """
        with self._as_unavailable(self._health), self._prober.connect() as connection:
            yield connection

    def space(self) -> Space | None:
        """Return the space up to the database's capacity.

        Clients cannot see the server's disk.

        Raises:
            Unavailable: The database cannot answer now.
        """
        if self._capacity is None:
            return None
        with self.probe() as connection:
            size = connection.execute(_SIZE).scalar_one()
        return Space(max(0, self._capacity - size), 0)

    @property
    def waiting_writes(self) -> int:
        """Number of threads that wait for a connection."""
        return self._group_commit.waiting + self._pool.waiting

    @property
    def connections(self) -> Connections:
        """The shared connections."""
        return self._pool.connections

    def why_not_ready(self) -> str | None:
        """Return whether the server takes writes.

        Raises:
            Unavailable: The server does not answer.
        """
        with self.probe() as connection:
            if connection.execute(text("SHOW transaction_read_only")).scalar() == "on":
                driver_of(connection).stale = True  # another connection may find the primary
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
