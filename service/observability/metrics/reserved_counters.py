"""Counter files whose space is allocated before they are written.

prometheus-client maps files that have a length, but no allocated space. If the file system is full
by then, the system kills the process that counts (SIGBUS, mmap(2)). So space is allocated first; a
counter without space counts in memory, where no scrape sees it, and nothing fails.

A file gets its name when it has its space: each scrape would fail on an empty file, and a file of a
killed process stays.
"""

import os
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.mmap_dict import _INITIAL_MMAP_SIZE, MmapedDict

MOST_OF_AN_ENTRY = 64
"""An upper bound of the bytes of an entry besides its key."""


class ReservedDict(MmapedDict):
    """The file of one process and type of metric."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's
        self._outside: dict[str, tuple[float, float]] = {}
        """Values that have no space in the file."""
        self._f: Any = None
        try:
            _make(Path(filename))
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
        except OSError:
            self._positions: dict[str, int] = {}

    def read_value(self, key: str) -> tuple[float, float]:
        """Return a value and its time."""
        if self._has(key):
            found: tuple[float, float] = super().read_value(key)  # type: ignore[no-untyped-call]
            return found
        return self._outside.setdefault(key, (0.0, 0.0))

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Store a value and its time."""
        if self._has(key):
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]
        else:
            self._outside[key] = value, timestamp

    def _has(self, key: str) -> bool:
        """Return whether a value is in the file, or can be stored there."""
        return key in self._positions or (key not in self._outside and self._makes_room(key))

    def _makes_room(self, key: str) -> bool:
        if self._f is None:
            return False
        needed, capacity = self._used + len(key.encode()) + MOST_OF_AN_ENTRY, self._capacity
        while capacity < needed:
            capacity *= 2
        try:
            reserve(self._f.fileno(), capacity)
        except OSError:
            return False
        return True


def _make(file: Path) -> None:
    """Create a counter file that a scrape can read, unless it exists.

    Raises:
        OSError: There is no space for it.
    """
    if file.exists():
        return
    unnamed = file.with_suffix(".new")
    try:
        with unnamed.open("wb") as made:
            reserve(made.fileno(), _INITIAL_MMAP_SIZE)
            made.truncate(_INITIAL_MMAP_SIZE)
        unnamed.rename(file)
    except OSError:
        unnamed.unlink(missing_ok=True)
        raise


def reserve(descriptor: int, size: int) -> None:
    """Allocate space for a file of some size.

    Raises:
        OSError: There is no space.
    """
    if os.fstat(descriptor).st_size < size and hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)


def reserve_counters() -> None:
    """Install this class in prometheus-client, before the first counter."""
    values.MmapedDict = ReservedDict  # type: ignore[attr-defined]
