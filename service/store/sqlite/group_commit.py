"""Group commit: many small writes share one transaction, and so one wait for the disk.

SQLite has one writer at a time, and each commit waits for an fsync. Threads that want to
write hand their work to one writer thread; it takes all that has gathered while the disk
was busy, runs it in one transaction, and lets nobody go before the commit has returned
(DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984).
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from typing import Any, Generic, cast

from sqlalchemy import Connection

from service.domain.errors import Unavailable
from service.store.database import Result, Work
from service.tasks import new_signal

MAX_WAITING = 1024
"""About as many works may wait; one more is refused at once, as it would wait too long."""
MAX_BATCH = 128
"""Most works in one transaction, so that its first does not wait long for its last."""
DEADLINE_S = 4.0
"""How long a caller waits for its work; the contract's callers hear of a failure within 5 s."""

Transaction = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction that commits when its block is left, or undoes everything."""


class Waiter(Generic[Result]):
    """A work, and the caller that sleeps until it is done."""

    __slots__ = ("_done", "error", "expires", "result", "work")

    def __init__(self, work: Work[Result]) -> None:
        self.work = work
        self.expires = time.monotonic() + DEADLINE_S
        self.result: Result | None = None
        self.error: Exception | None = None
        self._done = new_signal()

    def wait(self) -> Result:
        """Return the result once it is durable.

        Raises:
            Unavailable: It took too long. Work that has not begun by then never will; work
                that has is wholly done or not at all.
        """
        if not self._done.wait(self.expires - time.monotonic()):
            raise Unavailable
        if self.error is not None:
            raise self.error
        return cast(Result, self.result)

    def wake(self) -> None:
        """Let the caller go on."""
        self._done.say()


class GroupCommit:
    """Runs works from many threads in few transactions.

    Args:
        transaction: Opens one.
        observe: Hears how many works each transaction did, how many wait behind it, and how
            many seconds it took.
    """

    def __init__(
        self, transaction: Transaction, observe: Callable[[int, int, float], None]
    ) -> None:
        self._transaction = transaction
        self._observe = observe
        self._queue: SimpleQueue[Waiter[Any] | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._writer: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """How many works have not begun."""
        return self._queue.qsize()

    def run(self, work: Work[Result]) -> Result:
        """Do `work` in a transaction, and return its result once that is durable.

        Raises:
            Unavailable: Too many are waiting, the database cannot be written now, or it took
                longer than `DEADLINE_S`.
            Exception: Whatever `work` raised; then it changed nothing.
        """
        if self.waiting >= MAX_WAITING:
            raise Unavailable
        waiter = Waiter(work)
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
        """Start the writer where there is none: at the first work, also after a fork."""
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
                began = time.perf_counter()
                self._commit(batch)
                self._observe(len(batch), self.waiting, time.perf_counter() - began)
            if last:
                return

    def _gather(self, first: Waiter[Any]) -> tuple[Sequence[Waiter[Any]], bool]:
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

    def _commit(self, batch: Sequence[Waiter[Any]]) -> None:
        """Do a batch in one transaction, or, where a work fails, each in one of its own."""
        try:
            with self._transaction() as connection:
                for waiter in batch:
                    waiter.result = waiter.work(connection)
        except Exception as error:  # noqa: BLE001 - it is handed to the caller whose it is
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for waiter in batch:
                    self._commit([waiter])
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
