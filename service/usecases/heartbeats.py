"""Failure detection by heartbeats, without comparing clocks.

A heartbeat is a value that changes as long as its owner lives. An observer measures with its own
monotonic clock how long the value has not changed. So it does not matter whether another clock is
wrong, is set back or forward, or stands still. This is the failure detector of Chandra and Toueg
(1996), with a fixed timeout.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

K = TypeVar("K")


@dataclass(slots=True)
class _Seen:
    beat: Any
    at: float
    silent_s: float


class HeartbeatMonitor(Generic[K]):
    """A monitor that measures how long heartbeats have not changed.

    Args:
        longest_gap_s: How much of the time between two observations counts at most. A process that
            was suspended learns nothing in that time: the owner may have been alive.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self, longest_gap_s: float = math.inf, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._longest_gap_s = longest_gap_s
        self._clock = clock
        self._seen: dict[K, _Seen] = {}

    def observe(self, key: K, beat: Any) -> float:
        """Record a heartbeat, and return for how many seconds it has not changed."""
        now, seen = self._clock(), self._seen.get(key)
        if seen is None or seen.beat != beat:
            seen = self._seen[key] = _Seen(beat, now, 0.0)
        seen.silent_s += min(now - seen.at, self._longest_gap_s)
        seen.at = now
        return seen.silent_s

    def observe_all(self, beats: Mapping[K, Any]) -> dict[K, float]:
        """Record all current heartbeats, and forget the others."""
        for gone in self._seen.keys() - beats.keys():
            del self._seen[gone]
        return {key: self.observe(key, beat) for key, beat in beats.items()}
