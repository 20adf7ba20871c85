"""A queue of requests that wait for a thread; one that waits too long is refused.

If all threads hang, nothing else would answer.
"""

import math
import time
from collections.abc import Callable, Container
from concurrent.futures import Executor, Future
from threading import get_ident
from typing import Any

from gunicorn.workers.gthread import TConn

from service.usecases import deadlines


class ThreadQueue:
    """The queue of one worker; everything here runs in its event loop.

    Args:
        threads: The threads that answer requests.
        handle: Answers the request of a connection, in a thread.
        finish: Continues with a connection, in the event loop, when its request is answered or
            refused.
        refuse: Refuses a request that was not begun.
    """

    def __init__(
        self,
        threads: Executor,
        handle: Callable[[TConn], Any],
        finish: Callable[[TConn, Future[Any]], None],
        refuse: Callable[[TConn], None],
    ) -> None:
        self._threads, self._handle, self._finish, self._refuse = threads, handle, finish, refuse
        self._waiting: dict[Future[Any], tuple[TConn, float]] = {}
        """Connections and deadlines, in the order of arrival."""
        self._running: dict[int, float] = {}
        """When the requests arrived that threads answer, by the threads' identifiers."""

    def put(self, conn: TConn, threads: Executor | None = None) -> None:
        """Queue a request that has just arrived, for `threads` if they are given."""
        arrived = time.monotonic()
        future = (threads or self._threads).submit(self._begin, conn, arrived)
        self._waiting[future] = conn, arrived + deadlines.ANSWER_TIMEOUT_S
        future.add_done_callback(lambda done: self._finish(conn, done))

    def _begin(self, conn: TConn, arrived: float) -> Any:
        deadlines.begin(arrived)
        self._running[get_ident()] = arrived
        try:
            return self._handle(conn)
        finally:
            del self._running[get_ident()]

    def unanswered(self, transfers: Container[int]) -> tuple[int, float]:
        """Return the number of unanswered requests, and when the oldest one arrived.

        May be called in any thread, and raises `RuntimeError` if another one interferes.

        Args:
            transfers: Threads in a transfer, which may take long, and has limits of its own.
        """
        running = list(self._running.items())
        waiting = [
            ends - deadlines.ANSWER_TIMEOUT_S
            for future, (_, ends) in list(self._waiting.items())
            if not (future.running() or future.done())
        ]
        arrived = [at for thread, at in running if thread not in transfers]
        return len(running) + len(waiting), min([*arrived, *waiting], default=math.inf)

    def poll_timeout(self, seconds: float) -> float:
        """Return the time until the next timeout, `seconds` at most."""
        _, ends = next(iter(self._waiting.values()), (None, math.inf))
        return max(0.0, min(seconds, ends - time.monotonic()))

    def expire(self) -> None:
        """Refuse the requests whose deadline is over."""
        self._refuse_until(time.monotonic())

    def refuse_oldest(self) -> bool:
        """Refuse the request that has waited longest; return whether there was one."""
        return self._refuse_until(math.inf, at_most=1)

    def _refuse_until(self, now: float, at_most: float = math.inf) -> bool:
        """Refuse requests with deadlines up to `now`, and forget those that have begun."""
        refused = 0
        while self._waiting and refused < at_most:
            future, (conn, ends) = next(iter(self._waiting.items()))
            waits = not (future.running() or future.done())
            if waits and ends > now:
                break
            del self._waiting[future]
            if waits and future.cancel():
                self._refuse(conn)
                refused += 1
        return bool(refused)
