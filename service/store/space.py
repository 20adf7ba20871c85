"""The reserve of disk space, which only reservations may use.

A database on a full disk accepts no writes at all, not even deletions. So large writes (codes,
jobs, lists of codes) are refused or delayed as long as there is less space than the reserve;
reservations, cancellations and purging continue, and use the reserve.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from service.domain.errors import InsufficientStorage, StorageRefusal, Unavailable
from service.domain.model import DiskSpace

POLL_INTERVAL_S = 1.0
"""How long a measurement is valid."""


class Space(NamedTuple):
    """The space into which a database may grow, in bytes."""

    disk: int
    """Free on its disk."""
    reusable: int
    """Reusable space of deleted rows in the database."""


class Reserve:
    """A reserve of disk space.

    Args:
        space: Returns the space, or `None` if it is unknown. May take a millisecond.
        reserve: Bytes of the reserve; 0 for none.
    """

    def __init__(self, space: Callable[[], Space | None], reserve: int) -> None:
        self._space = space
        self._bytes = reserve
        self._measuring = threading.Lock()
        self._found: Space | None = None
        self._good_until = 0.0

    def measure(self) -> DiskSpace | None:
        """Measure the space; `None` if it is unknown.

        Raises:
            Unavailable: The database cannot answer now.
        """
        space = self._space()
        return None if space is None else DiskSpace(*space, self._bytes)

    def is_low(self, wanted: int = 0) -> bool:
        """Return whether the free space, minus `wanted` bytes, is below the reserve."""
        space = self._recent() if self._bytes else None
        return space is not None and DiskSpace(*space, self._bytes).lacks(wanted)

    def require(self, wanted: int = 0) -> None:
        """Require space.

        Raises:
            InsufficientStorage: There is less space than the reserve, or would be.
        """
        if self.is_low(wanted):
            raise InsufficientStorage(StorageRefusal.DISK_RESERVE)

    def _recent(self) -> Space | None:
        """Return the latest measurement, which one thread renews every `POLL_INTERVAL_S`."""
        if time.monotonic() >= self._good_until and self._measuring.acquire(blocking=False):
            try:
                self._found = self._space()
            except Unavailable:
                pass  # the write itself fails soon enough
            finally:
                self._good_until = time.monotonic() + POLL_INTERVAL_S
                self._measuring.release()
        return self._found

    def forget(self) -> None:
        """Measure again next time, as much has been written."""
        self._good_until = 0.0


@contextmanager
def growing(is_full: Callable[[BaseException], bool]) -> Iterator[None]:
    """Convert the errors of a full disk in a block that lets the database grow.

    Args:
        is_full: Returns whether an error of the engine is that of a full disk.

    Raises:
        InsufficientStorage: The database's disk is full; nothing was changed.
        Unavailable: The database cannot answer for another reason.
    """
    try:
        yield
    except Unavailable as error:
        if was_full(error, is_full):
            raise InsufficientStorage(StorageRefusal.DISK_FULL) from error
        raise


def was_full(error: BaseException | None, is_full: Callable[[BaseException], bool]) -> bool:
    """Return whether an error, or one of its causes, is a full disk."""
    while error is not None:
        if is_full(error):
            return True
        error = error.__cause__
    return False
