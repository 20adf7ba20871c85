"""Whether the database may grow, or what is left of its space is kept for reservations.

A database whose disk is full takes no writes at all, not even those that would make room. So what
grows it by much (codes, jobs, lists of codes) is refused or waits as long as there is less space
than a reserve; reservations, cancelling and purging go on, and live on that reserve.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.domain.errors import InsufficientStorage, StorageRefusal, Unavailable
from service.domain.model import Room

Space = tuple[int, int]
"""Bytes that are free on a disk, and those that a database can use again."""
POLL_INTERVAL_S = 1.0
"""How long what was found is believed."""


class Reserve:
    """Tells whether there is less space than a reserve.

    Args:
        space: Finds out how much space there is; `None` where nobody knows. It may take a
            millisecond.
        reserve: Bytes; 0 for none.
    """

    def __init__(self, space: Callable[[], Space | None], reserve: int) -> None:
        self._space = space
        self._bytes = reserve
        self._looking = threading.Lock()
        self._found: Space | None = None
        self._good_until = 0.0

    def look(self) -> Room | None:
        """Look how much space there is; `None` where nobody knows.

        Raises:
            Unavailable: The database cannot answer now.
        """
        space = self._space()
        return None if space is None else Room(*space, self._bytes)

    def is_low(self, wanted: int = 0) -> bool:
        """Return whether the free space, minus `wanted` bytes, is below the reserve."""
        space = self._recent() if self._bytes else None
        return space is not None and Room(*space, self._bytes).lacks(wanted)

    def require(self, wanted: int = 0) -> None:
        """Require space.

        Raises:
            InsufficientStorage: There is less than the reserve, or would be.
        """
        if self.is_low(wanted):
            raise InsufficientStorage(StorageRefusal.DISK_RESERVE)

    def _recent(self) -> Space | None:
        """Return what one thread at a time finds, at most every `POLL_INTERVAL_S`."""
        if time.monotonic() >= self._good_until and self._looking.acquire(blocking=False):
            try:
                self._found = self._space()
            except Unavailable:
                pass  # whoever wants to write hears it soon enough
            finally:
                self._good_until = time.monotonic() + POLL_INTERVAL_S
                self._looking.release()
        return self._found

    def forget(self) -> None:
        """Look anew the next time: much has been written."""
        self._good_until = 0.0


@contextmanager
def growing(is_full: Callable[[BaseException], bool]) -> Iterator[None]:
    """Say of a full disk that it is one, where the database was to grow.

    Args:
        is_full: Says it of an error of the engine.

    Raises:
        InsufficientStorage: The database's disk is full; nothing was changed.
        Unavailable: It cannot answer for another reason.
    """
    try:
        yield
    except Unavailable as error:
        if was_full(error, is_full):
            raise InsufficientStorage(StorageRefusal.DISK_FULL) from error
        raise


def was_full(error: BaseException | None, is_full: Callable[[BaseException], bool]) -> bool:
    """Return whether an error, or what caused it, is a full disk."""
    while error is not None:
        if is_full(error):
            return True
        error = error.__cause__
    return False
