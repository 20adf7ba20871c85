"""Fast-path calls, which the event loop answers itself.

Handing a request to a thread, and its connection back, costs more than the answer: system calls,
and threads that compete for the interpreter lock. ADR 11 has figures.
"""

import math
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
"""Most calls in progress; the others wait in the order of their arrival."""
TURN_BUDGET_S = 0.05
"""How long the loop starts calls until it polls again: probes must not wait for all calls."""
CALL_OVERHEAD_BYTES = 4096
"""Bytes of memory that a call takes besides its head, approximately."""


class FastPathWorker(LoopWorker, Protocol):
    """A worker with a fast path."""

    method_queue: Any

    def refuse(self, conn: TConn, problem: ServiceError, environ: "WSGIEnvironment") -> None:
        """Refuse a request that was not begun, and end its connection."""


class _Call(NamedTuple):
    """A request and its connection."""

    conn: TConn
    environ: "WSGIEnvironment"
    arrived: float
    size: int
    """Bytes of memory, approximately."""


class FastPathCalls:
    """The queue of one worker; everything here runs in its event loop.

    Args:
        worker: The worker.
        tasks: The tasks of the event loop.
        may_match: Returns whether a request, by its first bytes, may have the fast path.
        limit: Most bytes of calls that are not answered yet.
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
        """Queue a request if it is a fast-path call, and return whether it is."""
        environ = parse_request(held, conn) if self._may_match(held) else None
        if environ is None:
            return False
        size = CALL_OVERHEAD_BYTES + 2 * len(held)  # the bytes and the parsed fields
        self._memory += size
        self._queue.append(_Call(conn, environ, time.monotonic(), size))
        while self._memory > self._limit and len(self._queue) > 1:
            self._refuse_oldest()
        return True

    def poll_timeout(self, seconds: float) -> float:
        """Return how long, up to `seconds`, the loop may wait for events."""
        if self._queue and self._tasks.running < MAX_RUNNING:
            return 0.0
        if self._queue:
            seconds = max(0.0, min(seconds, _deadline_of(self._queue[0]) - time.monotonic()))
        return self._tasks.poll_timeout(seconds)

    def unanswered(self) -> tuple[int, float]:
        """Return the number of unanswered calls, and when the oldest one arrived.

        May be called in any thread, and raises an `Exception` if another one interferes.
        """
        calls = [*self._tasks.subjects(), *list(self._queue)[:1]]
        return self._tasks.running + len(self._queue), min(
            (call.arrived for call in calls), default=math.inf
        )

    def run_pending(self) -> None:
        """Expire tasks and calls whose deadline is over, and start queued calls."""
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
        """Answer a call without waiting for the client."""
        deadlines.begin(call.arrived)
        answer_in_loop(self._worker, call.conn, call.environ, self._worker.may_keep)
        self._memory -= call.size


def _deadline_of(call: _Call) -> float:
    return call.arrived + deadlines.ANSWER_TIMEOUT_S
