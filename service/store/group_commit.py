"""Group commit: many small writes share one transaction, and so one fsync.

Each commit waits for an fsync, and each transaction for the write lock. Threads and tasks submit
their work to a writer thread, which does everything that has queued up meanwhile in one
transaction, and wakes the callers after the commit (DeWitt et al., "Implementation Techniques for
Main Memory Database Systems", SIGMOD 1984).
"""

import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar, cast

from service.domain.errors import Unavailable
from service.store.signals import Signal, Signals
from service.store.space import was_full
from service.usecases import deadlines

Job = TypeVar("Job")
Result = TypeVar("Result")

MAX_WAITING = 1024
"""Most waiting jobs, approximately; further ones are refused, as they would wait too long."""
MAX_BATCH = 128
"""Most jobs in a transaction, so that the first need not wait long for the last."""
DEADLINE_S = 4.0
"""How long a caller waits for its job; the contract promises an answer within 5 s."""


class Waiter(Generic[Job, Result]):
    """A job and its waiting caller."""

    __slots__ = ("_done", "error", "expires", "job", "result")

    def __init__(self, job: Job, signal: Signal) -> None:
        self.job = job
        self.expires = deadlines.until(DEADLINE_S)
        self.result: Result | None = None
        self.error: Exception | None = None
        self._done = signal

    def wait(self) -> Result:
        """Wait for the result, until it is durable.

        Raises:
            Unavailable: The wait was too long. A job that has not begun by then never will; one
                that has begun is done completely or not at all.
        """
        if not self._done.wait(self.expires - time.monotonic()):
            raise Unavailable
        if self.error is not None:
            raise self.error
        return cast(Result, self.result)

    def wake(self) -> None:
        """Wake the caller."""
        self._done.set()


class GroupCommit(Generic[Job, Result]):
    """A writer that does the jobs of many callers in few transactions.

    Args:
        commit: Does jobs in one transaction, all or none; returns their results when these are
            durable.
        signals: The signals for waiting callers.
        is_full: Says of an error of the engine that it is a full disk.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Job]], Sequence[Result]],
        signals: Signals,
        is_full: Callable[[BaseException], bool],
    ) -> None:
        self._commit, self._signals, self._is_full = commit, signals, is_full
        self._queue: SimpleQueue[Waiter[Job, Result] | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._writer: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Number of waiting jobs."""
        return self._queue.qsize()

    def run(self, job: Job) -> Result:
        """Submit a job, and return its result when that is durable.

        Raises:
            Unavailable: Too many jobs wait, the database cannot be written now, or the job took
                longer than `DEADLINE_S`.
            Exception: The job raised it, and changed nothing.
        """
        if self.waiting >= MAX_WAITING:
            raise Unavailable
        waiter: Waiter[Job, Result] = Waiter(job, self._signals.new())
        self._queue.put(waiter)
        self._have_writer()
        return waiter.wait()

    def close(self) -> None:
        """Finish the waiting jobs and stop the writer; a later `run` starts another one."""
        with self._starting:
            writer, self._writer = self._writer, None
        if writer is not None and writer.is_alive():
            self._queue.put(None)
            writer.join()

    def _have_writer(self) -> None:
        """Start the writer if there is none: at the first job, and after a fork."""
        if self._writer is not None and self._writer.is_alive():
            return
        with self._starting:
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write, name="writer", daemon=True)
                self._writer.start()

    def _write(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._gather(first)
            if batch:
                self._do(batch)
            if last:
                return

    def _gather(self, first: Waiter[Job, Result]) -> tuple[Sequence[Waiter[Job, Result]], bool]:
        """Return the waiting jobs whose callers still wait, and whether the writer has to stop."""
        batch, last = [first], False
        while len(batch) < MAX_BATCH and not last:
            try:
                waiter = self._queue.get_nowait()
            except Empty:
                break
            if waiter is None:
                last = True
            else:
                batch.append(waiter)
        now = time.monotonic()
        return [waiter for waiter in batch if waiter.expires > now], last

    def _do(self, batch: Sequence[Waiter[Job, Result]]) -> None:
        """Do a batch in one transaction; if a job fails, each job in its own."""
        try:
            results = self._commit([waiter.job for waiter in batch])
            for waiter, result in zip(batch, results, strict=True):
                waiter.result = result
        except Exception as error:  # noqa: BLE001 - it is raised in its caller
            # Perhaps one job alone is too much for the disk.
            full = was_full(error, self._is_full)
            if len(batch) > 1 and (full or not isinstance(error, Unavailable)):
                for waiter in batch:
                    self._do([waiter])
                return
            for waiter in batch:
                waiter.error = _own(error)
        for waiter in batch:
            waiter.wake()


def _own(error: Exception) -> Exception:
    """Return a copy of an exception for each caller, since each raises it in its own thread."""
    if isinstance(error, Unavailable):
        own = Unavailable()
        own.__cause__ = error
        return own
    return error
