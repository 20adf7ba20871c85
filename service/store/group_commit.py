"""Group commit: many small calls share one transaction, and so one wait for the disk.

Each commit waits for an fsync, and each transaction for its turn. Threads and tasks hand what they
want done to a writer thread; it takes all that has gathered while it was busy, has it done in one
transaction, and lets nobody go before the commit has returned
(DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984).
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
"""About as many jobs may wait; one more is refused at once, as it would wait too long."""
MAX_BATCH = 128
"""Most jobs in one transaction, so that its first does not wait long for its last."""
DEADLINE_S = 4.0
"""How long a caller waits for its work; the contract's callers hear of a failure within 5 s."""


class Waiter(Generic[Job, Result]):
    """A job, and the caller that sleeps until it is done."""

    __slots__ = ("_done", "error", "expires", "job", "result")

    def __init__(self, job: Job, signal: Signal) -> None:
        self.job = job
        self.expires = deadlines.until(DEADLINE_S)
        self.result: Result | None = None
        self.error: Exception | None = None
        self._done = signal

    def wait(self) -> Result:
        """Return the result once it is durable.

        Raises:
            Unavailable: It took too long. A job that has not begun by then never will; one
                that has is wholly done or not at all.
        """
        if not self._done.wait(self.expires - time.monotonic()):
            raise Unavailable
        if self.error is not None:
            raise self.error
        return cast(Result, self.result)

    def wake(self) -> None:
        """Let the caller go on."""
        self._done.set()


class GroupCommit(Generic[Job, Result]):
    """Has jobs from many callers done in few transactions.

    Args:
        commit: Does jobs in one transaction, all or none; returns what came of each, once that is
            durable.
        signals: How callers wait.
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
        """How many jobs have not begun."""
        return self._queue.qsize()

    def run(self, job: Job) -> Result:
        """Have a job done in a transaction, and return its result once that is durable.

        Raises:
            Unavailable: Too many are waiting, the database cannot be written now, or it took
                longer than `DEADLINE_S`.
            Exception: Whatever the job raised; then it changed nothing.
        """
        if self.waiting >= MAX_WAITING:
            raise Unavailable
        waiter: Waiter[Job, Result] = Waiter(job, self._signals.new())
        self._queue.put(waiter)
        self._have_writer()
        return waiter.wait()

    def close(self) -> None:
        """Finish what waits and stop the writer; a later `run` starts another."""
        with self._starting:
            writer, self._writer = self._writer, None
        if writer is not None and writer.is_alive():
            self._queue.put(None)
            writer.join()

    def _have_writer(self) -> None:
        """Start the writer where there is none: at the first job, also after a fork."""
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
        """Take what has gathered, without those whose caller has left; say if it is the last."""
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
        """Do a batch in one transaction, or, where a job fails, each in one of its own."""
        try:
            results = self._commit([waiter.job for waiter in batch])
            for waiter, result in zip(batch, results, strict=True):
                waiter.result = result
        except Exception as error:  # noqa: BLE001 - it is handed to the caller whose it is
            # What is too much for a disk may be one of them alone.
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
    """Give each of several callers an exception of its own; they raise it in their threads."""
    if isinstance(error, Unavailable):
        own = Unavailable()
        own.__cause__ = error
        return own
    return error
