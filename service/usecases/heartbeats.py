"""Telling the dead from the living by their heartbeats, without comparing any two clocks.

A heartbeat is a value that changes for as long as its owner lives. Whoever waits for a change
measures by its own monotonic clock for how long there was none. So it does not matter what time
others think it is, whether a clock is set back or forward, or stands still. This is the failure
detector of Chandra and Toueg (1996), with a fixed timeout.
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
    """Measures for how long heartbeats have not changed.

    Args:
        longest_gap_s: How much of the time between two looks counts. A process that was suspended,
            or could not look, learns nothing in that time: the owner may have lived all the while.
        clock: Seconds of a monotonic clock.
    """

    def __init__(
        self, longest_gap_s: float = math.inf, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._longest_gap_s = longest_gap_s
        self._clock = clock
        self._seen: dict[K, _Seen] = {}

    def observe(self, key: K, beat: Any) -> float:
        """Note a heartbeat, and return for how many seconds it is known not to have changed."""
        now, seen = self._clock(), self._seen.get(key)
        if seen is None or seen.beat != beat:
            seen = self._seen[key] = _Seen(beat, now, 0.0)
        seen.silent_s += min(now - seen.at, self._longest_gap_s)
        seen.at = now
        return seen.silent_s

    def observe_all(self, beats: Mapping[K, Any]) -> dict[K, float]:
        """Note all heartbeats that there are, and forget those of others."""
        for gone in self._seen.keys() - beats.keys():
            del self._seen[gone]
        return {key: self.observe(key, beat) for key, beat in beats.items()}
