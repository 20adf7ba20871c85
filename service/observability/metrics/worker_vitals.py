"""The vitals of a worker process, in memory that its master reads even if the worker hangs.

The worker writes them every second; so their age shows a process that does nothing any more. A
write is neither a system call nor an allocation of space, which a full or frozen disk could refuse.
"""

import mmap
import struct
import time
from collections.abc import Sequence
from typing import NamedTuple

STALE_S = 5.0
"""The age at which vitals or a heartbeat, both due every second, show that a process hangs."""
_FORMAT = struct.Struct("=dd5q")


class Vitals(NamedTuple):
    """What a worker process does."""

    sampled_at: float
    """The time of `time.monotonic`, which all processes share."""
    oldest_call_s: float = 0.0
    """The age of the oldest call that has no answer yet; 0 if there is none."""
    calls: int = 0
    """Calls without an answer, those that wait for their turn included."""
    connections: int = 0
    most_connections: int = 0
    ready: int = 0
    """A bit for each readiness check, the first one being the lowest: 1 if it passed."""
    redis: int = 0
    """1 if Redis answers, -1 if it does not, 0 if there is none."""

    @property
    def reported(self) -> bool:
        """Whether the worker has reported: a new one has not."""
        return self.most_connections > 0

    def oldest_call_at(self, now: float) -> float:
        """Return the age of the oldest call, which grows further if the worker hangs."""
        silent_s = now - self.sampled_at
        grows = self.calls and silent_s > STALE_S
        return self.oldest_call_s + silent_s if grows else self.oldest_call_s

    def passes(self, check: int) -> bool:
        """Return whether a readiness check passed, by its position."""
        return bool(self.ready >> check & 1)


class SharedVitals:
    """The vitals of one worker; its master makes them before the fork, and both see them."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)  # anonymous and shared
        self.write(Vitals(time.monotonic()))

    def write(self, vitals: Vitals) -> None:
        """Replace the vitals; a reader may see a mixture of the last two, which is harmless."""
        _FORMAT.pack_into(self._memory, 0, *vitals)

    def read(self) -> Vitals:
        """Return the vitals."""
        return Vitals(*_FORMAT.unpack_from(self._memory))


def ready_bits(results: Sequence[bool]) -> int:
    """Return the results of readiness checks as bits."""
    return sum(passed << position for position, passed in enumerate(results))
