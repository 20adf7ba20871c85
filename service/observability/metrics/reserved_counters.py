"""Counters whose file has its room before anything is written to it.

prometheus-client maps files to memory that have a length and no room yet. Where their place is
full by then, the system ends the process that counts (SIGBUS, mmap(2)). So the room is asked for
first; what gets none is counted in memory, where no scrape sees it, and nobody is failed by it.

A file gets its name once it has its room: each scrape would fail on an empty one, and one that a
killed process leaves behind stays.
"""

import os
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.mmap_dict import _INITIAL_MMAP_SIZE, MmapedDict

MOST_OF_AN_ENTRY = 64
"""Bytes of an entry beside its key, and more."""


class ReservedDict(MmapedDict):
    """The file of one process and kind of metric."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's
        self._outside: dict[str, tuple[float, float]] = {}
        """What has no room in the file."""
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
        """Keep a value and its time."""
        if self._has(key):
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]
        else:
            self._outside[key] = value, timestamp

    def _has(self, key: str) -> bool:
        """Return whether a value is in the file, or can be put there."""
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
    """Make a counter file that a scrape can read, unless there is one.

    Raises:
        OSError: There is no room for it.
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
    """Have the system find room for a file of some size.

    Raises:
        OSError: There is none.
    """
    if os.fstat(descriptor).st_size < size and hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)


def reserve_counters() -> None:
    """Count this way from now on; before anything counts."""
    values.MmapedDict = ReservedDict  # type: ignore[attr-defined]
