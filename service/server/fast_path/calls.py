"""Fast-path calls: the event loop answers them itself, where nothing makes it wait for long.

Handing a request to a thread, and its connection back, costs more than answering it: system
calls, and threads that fight for the interpreter. ADR 11 has figures.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gunicorn.workers.gthread import TConn

from service.domain.errors import ServiceError, Unavailable
from service.server.answering_in_loop import LoopWorker, answer_in_loop
from service.server.buffered_requests import MAX_BUFFERED_BYTES
from service.server.fast_path.request import parse_request
from service.server.fast_path.tasks import TaskScheduler
from service.usecases import deadlines

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


MAX_RUNNING = 256
"""Calls that may have begun and not ended; the others wait in the order in which they came."""
TURN_BUDGET_S = 0.05
"""How long calls are begun until the loop looks for events again: probes must not wait for all."""
CALL_OVERHEAD_BYTES = 4096
"""Bytes of memory that a call takes beside its head, nearly."""


class FastPathWorker(LoopWorker, Protocol):
    """A worker that can refuse a call."""

    method_queue: Any

    def refuse(self, conn: TConn, problem: ServiceError, environ: "WSGIEnvironment") -> None:
        """Answer a request that is not begun, and end its connection."""


class _Call(NamedTuple):
    """A request, and where it came from."""

    conn: TConn
    environ: "WSGIEnvironment"
    arrived: float
    size: int
    """How much memory it takes, nearly."""


class FastPathCalls:
    """Those of one worker; everything here runs in its event loop.

    Args:
        worker: Whose.
        tasks: Of the event loop.
        may_match: Tells from its first bytes whether a request waits for the database alone.
        limit: Bytes of memory that calls may take which are not answered yet.
    """

    def __init__(
        self,
        worker: FastPathWorker,
        tasks: TaskScheduler,
        may_match: Callable[[bytes], bool],
        limit: int = MAX_BUFFERED_BYTES,
    ) -> None:
        self._worker, self._tasks, self._may_match = worker, tasks, may_match
        self._limit, self._memory = limit, 0
        self._queue: deque[_Call] = deque()

    def take(self, conn: TConn, held: bytes) -> bool:
        """Take a request that has arrived, if it is a fast-path call; return whether it is."""
        environ = parse_request(held, conn) if self._may_match(held) else None
        if environ is None:
            return False
        size = CALL_OVERHEAD_BYTES + 2 * len(held)  # as it came, and as it was read
        self._memory += size
        self._queue.append(_Call(conn, environ, time.monotonic(), size))
        while self._memory > self._limit and len(self._queue) > 1:
            self._refuse_oldest()
        return True

    def poll_timeout(self, seconds: float) -> float:
        """Return for how long, up to `seconds`, the loop may wait for anything to happen."""
        if self._queue and self._tasks.running < MAX_RUNNING:
            return 0.0
        if self._queue:
            seconds = max(0.0, min(seconds, _deadline_of(self._queue[0]) - time.monotonic()))
        return self._tasks.poll_timeout(seconds)

    def run_pending(self) -> None:
        """See to who has waited for too long, and begin what was taken."""
        self._tasks.expire()
        ends = time.monotonic() + TURN_BUDGET_S
        while self._queue and (now := time.monotonic()) < ends:
            if now >= _deadline_of(self._queue[0]):
                self._refuse_oldest()
            elif self._tasks.running < MAX_RUNNING:
                self._tasks.start(self._answer, self._queue.popleft())
            else:
                return

    def _refuse_oldest(self) -> None:
        call = self._queue.popleft()
        self._memory -= call.size
        self._worker.refuse(call.conn, Unavailable(), call.environ)

    def _answer(self, call: _Call) -> None:
        """Answer a call, and never wait for the client."""
        deadlines.begin(call.arrived)
        answer_in_loop(self._worker, call.conn, call.environ, self._worker.may_keep)
        self._memory -= call.size


def _deadline_of(call: _Call) -> float:
    return call.arrived + deadlines.ANSWER_WITHIN_S
