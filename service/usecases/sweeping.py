"""The sweeper: lets codes lapse whose reservations have ended by themselves.

What a code is at a moment does not wait for it. It makes codes available again, and the counts
right.
"""

import time
from typing import Protocol

from service.domain.model import Millis
from service.usecases.keys import PoolKey
from service.usecases.ports.lapses import Lapsed, Lapses

CODES_AT_ONCE = 500
"""Most codes of a step."""
ROUND_INTERVAL_S = 5.0
"""Seconds between two rounds over all campaigns."""
FIRST = PoolKey(0, 0)


class SweepObserver(Protocol):
    """An observer of the sweeper."""

    def lapsed(self, codes: Lapsed) -> None:
        """Note a step."""

    def round_ended(self) -> None:
        """Note that all campaigns have been searched."""


class Sweeper:
    """A sweeper of all campaigns, step by step; there may be many at once.

    Args:
        lapses: The reservations.
        observer: The observer.
        interval_s: Seconds between two rounds.
    """

    def __init__(
        self, lapses: Lapses, observer: SweepObserver, interval_s: float = ROUND_INTERVAL_S
    ) -> None:
        self._lapses, self._observer, self._interval_s = lapses, observer, interval_s
        self._after: PoolKey | None = FIRST
        self._due: list[PoolKey] = []
        self._rest_until = 0.0

    def step(self, now: Millis) -> bool:
        """Let some codes lapse, or search some campaigns; return whether there may be more.

        Raises:
            Unavailable: The store cannot answer now.
        """
        if self._due:
            self._sweep(now)
            return True
        if self._after is None:
            self._end_round()
        if time.monotonic() < self._rest_until:
            return False
        pools, self._after = self._lapses.due(self._after or FIRST, now)
        self._due = [each.pool for each in pools]
        return True

    def _sweep(self, now: Millis) -> None:
        """Do a step in one of the due campaigns; each has its turn."""
        pool = self._due.pop(0)
        codes = self._lapses.lapse(pool, now, CODES_AT_ONCE)
        if sum(codes) == CODES_AT_ONCE:
            self._due.append(pool)
        self._observer.lapsed(codes)

    def _end_round(self) -> None:
        self._after = FIRST
        self._rest_until = time.monotonic() + self._interval_s
        self._observer.round_ended()
