"""A connection to PostgreSQL that keeps to a deadline, doubts what it should, and keeps secrets."""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from select import POLLIN, poll
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.errors import Diagnostic
from psycopg_pool import ConnectionPool

T = TypeVar("T")
Row = tuple[Any, ...]
STATEMENT_S = 2.5
"""How long the server works on a statement, unless it is told otherwise."""
STALE = {
    "25006",  # read-only: a standby now; another connection may find the primary
    "0A000",  # a prepared plan that a migration made useless
}
"""SQLSTATEs of what comes again on the same connection, and may not on another."""
_WAIT_FOR_STANDBY = "SyncRepWaitForLSN"
"""The function of PostgreSQL that warns, in whatever language, that a commit is not safe yet."""
_VALUES_IN_TEXT = ("22", "23")
"""Classes of SQLSTATE whose messages may quote values: data exceptions, broken constraints."""


class Asked(NamedTuple):
    """What one caller wants of the server."""

    statement: str
    values: Mapping[str, Any]
    wrote: Callable[[Row], bool]
    """Tells from the first row whether anything was written."""


class UnsafeCommit(errors.OperationalError):
    """A commit that the loss of the primary may undo: nobody may build on it, by trying again."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """Whatever the server or the network does, no call on it outlasts `deadline`."""

    deadline: float = math.inf
    """When to give up, on the clock `time.monotonic`, in seconds."""
    stale = False
    """Whether what went wrong would go wrong again on this connection."""
    lent_by: "ConnectionPool[Connection] | None" = None
    """The pool that it goes back to."""
    _doubtful = False
    _busy_until = 0.0
    """Until when, on the same clock, the server may be at what was given up."""

    def __init__(self, pgconn: psycopg.pq.abc.PGconn) -> None:
        super().__init__(pgconn)
        super().add_notice_handler(self._hear)

    def first_rows(self, asked: Sequence[Asked]) -> list[Row | None]:
        """Run statements in one transaction and one round trip; return the first row of each.

        Raises:
            psycopg.Error: One failed, so none was done.
        """
        # Up to its end, a pipeline in autocommit mode is one transaction:
        # https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
        with self.pipeline() if len(asked) > 1 else nullcontext():
            cursors = [self.execute(one.statement, one.values, prepare=True) for one in asked]
        return [cursor.fetchone() for cursor in cursors]

    def close(self) -> None:
        """Go back into the pool, lost or not: psycopg's own would not give a lost one back.

        What was given up keeps its place until the server has ended it, too: callers who come
        again would else have ever more sessions wait, say, behind a locked table.
        """
        pool, self.lent_by = self.lent_by, None
        seconds = self._busy_until - time.monotonic()
        if pool and seconds > 0:
            later = threading.Timer(seconds, pool.putconn, [self])
            later.daemon = True
            later.start()
        elif pool:
            pool.putconn(self)
        else:
            super().close()

    def add_notice_handler(self, callback: Callable[[Diagnostic], None]) -> None:
        """Refuse: SQLAlchemy adds its own each time it is lent a connection, for ever more."""

    def _hear(self, notice: Diagnostic) -> None:
        """Take note when a commit is no longer waiting for the standby that should have it.

        Whoever cancels such a wait is told by a mere warning that the commit is not safe yet:
        https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION
        """
        if notice.source_function == _WAIT_FOR_STANDBY:
            self._doubtful = True

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for the server, until the deadline and no longer.

        Nothing is cancelled: a cancelled commit would look like a good one. The connection is
        closed, and the server undoes what was not committed.

        Raises:
            OperationalError: It took too long.
            UnsafeCommit: The server no longer waits for the standby.
        """
        if self.deadline < math.inf:
            timeout = max(0.0, self.deadline - time.monotonic())
        try:
            result = super().wait(gen, interval, timeout)
        except psycopg.Error as error:
            if time.monotonic() >= self.deadline:
                self.pgconn.finish()
                self._busy_until = time.monotonic() + STATEMENT_S
            self.stale = error.sqlstate in STALE
            error.args = (_without_values(error),)
            raise
        if self._doubtful:
            self.pgconn.finish()
            raise UnsafeCommit("The commit did not reach the standby.")
        return result


def _without_values(error: psycopg.Error) -> str:
    """Say what is wrong without the codes and users that PostgreSQL would quote."""
    if error.sqlstate is None:
        return str(error) or "no answer in time"
    if error.sqlstate.startswith(_VALUES_IN_TEXT):
        return f"{error.sqlstate} {error.diag.constraint_name or type(error).__name__}"
    return f"{error.sqlstate} {error.diag.message_primary}"


def is_useless(connection: Connection) -> bool:
    """Return whether an idle connection is stale, or closed by the server.

    It asks the system, not the server: nothing but an end is to be read from an idle connection.
    """
    if connection.stale or connection.closed:
        return True
    asked = poll()
    asked.register(connection.pgconn.socket, POLLIN)
    return bool(asked.poll(0))
