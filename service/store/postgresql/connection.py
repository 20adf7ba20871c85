"""Connections to PostgreSQL with deadlines, safe commits and errors without values."""

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
"""The default statement timeout of the server."""
STALE = {
    "25006",  # read-only: a standby now; another connection may find the primary
    "0A000",  # a prepared plan that a migration made useless
}
"""SQLSTATEs of errors that repeat on the same connection, and perhaps not on another one."""
_WAIT_FOR_STANDBY = "SyncRepWaitForLSN"
"""The function in PostgreSQL's source that warns, in any language, of an unsafe commit."""
_VALUES_IN_TEXT = ("22", "23")
"""Classes of SQLSTATE whose messages may quote values: data exceptions, constraints."""


class PendingStatement(NamedTuple):
    """A statement of one caller."""

    statement: str
    values: Mapping[str, Any]
    wrote: Callable[[Row], bool]
    """Returns whether the first row shows a write."""


class UnsafeCommit(errors.OperationalError):
    """A commit that a loss of the primary may undo, and that must not be retried."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which no call lasts longer than `deadline`."""

    deadline: float = math.inf
    """The deadline on the clock `time.monotonic`, in seconds."""
    stale = False
    """Whether an error would repeat on this connection."""
    lent_by: "ConnectionPool[Connection] | None" = None
    """The pool of the connection."""
    _doubtful = False
    _busy_until = 0.0
    """Until when, on the same clock, the server may still work on an abandoned statement."""

    def __init__(self, pgconn: psycopg.pq.abc.PGconn) -> None:
        super().__init__(pgconn)
        super().add_notice_handler(self._hear)

    def first_rows(self, statements: Sequence[PendingStatement]) -> list[Row | None]:
        """Run statements in one transaction and one round trip; return the first row of each.

        Raises:
            psycopg.Error: A statement failed, so none has an effect.
        """
        # Up to its end, a pipeline in autocommit mode is one transaction:
        # https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
        with self.pipeline() if len(statements) > 1 else nullcontext():
            cursors = [self.execute(one.statement, one.values, prepare=True) for one in statements]
        return [cursor.fetchone() for cursor in cursors]

    def close(self) -> None:
        """Return to the pool, even if the connection is lost, unlike psycopg's own method.

        An abandoned statement keeps its place until the server has ended it as well: otherwise,
        retries would pile up sessions, for example behind a locked table.
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
        """Ignore handlers: SQLAlchemy adds one with each checkout, and never removes any."""

    def _hear(self, notice: Diagnostic) -> None:
        """Note a commit that stopped waiting for its synchronous standby.

        After a cancelled wait, only a warning says that the commit is not safe yet:
        https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION
        """
        if notice.source_function == _WAIT_FOR_STANDBY:
            self._doubtful = True

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for the server until the deadline.

        Nothing is cancelled, as a cancelled commit would look successful. The connection is
        closed, and the server rolls back what was not committed.

        Raises:
            OperationalError: The deadline is over.
            UnsafeCommit: The server does not wait for the standby any more.
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
    """Return an error without the codes and users that PostgreSQL would quote."""
    if error.sqlstate is None:
        return str(error) or "no answer in time"
    if error.sqlstate.startswith(_VALUES_IN_TEXT):
        return f"{error.sqlstate} {error.diag.constraint_name or type(error).__name__}"
    return f"{error.sqlstate} {error.diag.message_primary}"


def is_useless(connection: Connection) -> bool:
    """Return whether an idle connection is stale, or closed by the server.

    The system knows, without a round trip: an idle connection is only readable at its end.
    """
    if connection.stale or connection.closed:
        return True
    poller = poll()
    poller.register(connection.pgconn.socket, POLLIN)
    return bool(poller.poll(0))
