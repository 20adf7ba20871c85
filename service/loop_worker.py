"""A worker whose event loop answers bare requests itself, where nothing makes it wait for long.

Handing a request to a thread, and its connection back, costs more than answering it: system
calls, and threads that fight for the interpreter. `docs/adr/0011-tasks-in-the-loop.md` has figures.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

from gunicorn.workers.gthread import TConn, ThreadWorker

from service.receiving import is_bare
from service.tasks import Tasks


class Database(Protocol):
    """What tasks wait for."""

    @property
    def tasks_at_once(self) -> int:
        """How many tasks may use it at once."""

    @property
    def would_block(self) -> bool:
        """Whether a task that began now would hold up the loop."""


class LoopWorker(ThreadWorker):
    """A threaded worker that leaves to threads what the loop cannot do itself."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tasks: Tasks | None = None
        self._queue: deque[TConn] = deque()

    def answer_in_loop(self, is_plain: Callable[[bytes], bool], database: Database) -> None:
        """From now on, answer bare requests in the loop.

        Args:
            is_plain: Tells from a request's head whether it waits for the database alone.
            database: The one that it waits for.
        """
        self._tasks = Tasks(self.poller, self.method_queue.defer)
        self._is_plain, self._database = is_plain, database

    def enqueue_req(self, conn: TConn) -> None:
        """Answer a request that has arrived: here, in this round of the loop, or in a thread."""
        if self._tasks:
            held = conn.parser.unreader.buf.getvalue()
            if is_bare(held) and self._is_plain(held):
                self._queue.append(conn)
                return
        super().enqueue_req(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events, and see to who has waited for too long, and to who may begin."""
        if self._tasks is None:
            super().wait_for_and_dispatch_events(timeout)
            return
        patience = self._tasks.next_expiry - time.monotonic()
        super().wait_for_and_dispatch_events(max(0.0, min(timeout, patience)))
        self._tasks.expire()
        while self._queue and self._tasks.running < self._database.tasks_at_once:
            conn = self._queue.popleft()
            if self._database.would_block:
                super().enqueue_req(conn)
            else:
                self._tasks.start(partial(self._answer, conn))

    def _answer(self, conn: TConn) -> None:
        """Do as a thread does in `handle`, but never wait for the client."""
        request, done = None, Future[bool]()
        try:
            request = next(conn.parser)
            kept = self.handle_request(request, conn)  # its socket does not block
            done.set_result(self._keepalive_after(conn, kept))
        except (OSError, StopIteration):
            done.set_result(False)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told in there
            self.handle_error(request, conn.sock, conn.client, error)
            done.set_result(False)
        self.finish_request(conn, done)
