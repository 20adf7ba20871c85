"""A pool of connections to PostgreSQL, made in the background.

While the server does not answer, callers fail fast: otherwise each would hold its thread for its
whole timeout, and those behind it would wait too long.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from service.domain.network_errors import reason_of
from service.store.database import Connections
from service.store.postgresql.connection import Connection, is_useless
from service.usecases import deadlines

BORROW_TIMEOUT_S = 3.0
"""The timeout of a borrower, shorter than the 5 s that the contract promises to callers."""
FAIL_FAST_TIMEOUT_S = 0.25
"""The timeout of a borrower while the server does not answer."""
LOST_AFTER = 3
"""Failures in a row after which the server is considered down."""


class NoConnection(PoolTimeout):
    """There was no connection in time; `pool_reason` says why in a few words."""

    def __init__(self, trouble: psycopg.Error | None) -> None:
        super().__init__(f"no connection: {trouble}")
        self.trouble = trouble
        self.pool_reason = reason_of(trouble) or "no connection"


class PostgreSQLPool:
    """A pool that lends connections to threads; none is opened before it is needed.

    Args:
        conninfo: Returns the connection string, called for each connection.
        size: Most connections.
        prepared: Whether connections can have prepared statements.
        timeout_s: The timeout of a borrower in seconds, half of it for getting a connection.
    """

    def __init__(
        self,
        conninfo: Callable[[], str],
        size: int,
        *,
        prepared: bool,
        timeout_s: float = BORROW_TIMEOUT_S,
    ) -> None:
        self._conninfo = conninfo
        self._size = size
        self._threshold = 5 if prepared else None
        self._timeout_s = timeout_s
        self._opening = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None
        self._failures = 0
        self._waiting: set[int] = set()
        """Waiting threads; psycopg's own count includes those that have given up."""
        self._trouble: psycopg.Error | None = None
        # Its warnings are in the errors of callers; as plain text they would corrupt the log.
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)

    @property
    def waiting(self) -> int:
        """Number of threads that wait for a connection."""
        return len(self._waiting)

    @property
    def connections(self) -> Connections:
        """The connections in use, idle, and allowed."""
        found = self._pool.get_stats() if self._pool else {}
        idle = found.get("pool_available", 0)
        return Connections(found.get("pool_size", 0) - idle, idle, self._size)

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Yield a connection in autocommit mode.

        Raises:
            psycopg.Error: There is none now.
        """
        connection = self.take()
        try:
            yield connection
        finally:
            connection.close()  # back into the pool

    def take(self) -> Connection:
        """Take a connection, whose `close` returns it.

        Raises:
            psycopg.Error: There is none now.
        """
        timeout = self._timeout_s if self._failures < LOST_AFTER else FAIL_FAST_TIMEOUT_S
        deadline = deadlines.until(timeout)
        pool = self._open()
        while True:
            connection = self._wait(pool, deadlines.left(timeout / 2))
            connection.lent_by = pool
            if not is_useless(connection):
                connection.deadline = deadline
                return connection
            connection.pgconn.finish()
            connection.close()  # the pool makes another

    def _wait(self, pool: ConnectionPool[Connection], seconds: float) -> Connection:
        """Take a connection of the pool, and be counted as waiting.

        Raises:
            NoConnection: There is none in time.
        """
        thread = threading.get_ident()
        self._waiting.add(thread)
        try:
            return pool.getconn(timeout=seconds)
        except PoolTimeout as timeout:
            raise NoConnection(self._trouble) from timeout
        finally:
            self._waiting.discard(thread)

    def note(self, *, answered: bool) -> None:
        """Record whether the server answered, or was lost, locked or too slow."""
        self._failures = 0 if answered else self._failures + 1

    def close(self) -> None:
        """Close all connections that are not lent; a later `take` opens new ones."""
        with self._opening:
            pool, self._pool = self._pool, None
        if pool:
            pool.close()

    def _open(self) -> ConnectionPool[Connection]:
        if self._pool:
            return self._pool
        with self._opening:
            if not self._pool:
                self._pool = ConnectionPool(
                    self._conninfo,
                    kwargs={"autocommit": True, "prepare_threshold": self._threshold},
                    connection_class=self._connection_class(),
                    min_size=0,
                    max_size=self._size,
                    reconnect_timeout=0,  # the next caller tries again
                    open=True,
                )
            return self._pool

    def _connection_class(self) -> type[Connection]:
        """Return a connection class that reports failed connects to this pool."""
        pool = self

        class ReportingConnection(Connection):
            @classmethod
            def connect(cls, conninfo: str = "", **options: Any) -> Self:
                try:
                    connection = super().connect(conninfo, **options)
                except psycopg.Error as error:
                    pool._trouble = error
                    raise
                pool._trouble = None
                return connection

        return ReportingConnection
