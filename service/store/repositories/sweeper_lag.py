"""The lag of the sweeper: how long codes have been due, for scrapes."""

from sqlalchemy import Connection

from service.domain.model import Millis
from service.store.repositories.lapses import due_pools
from service.usecases.sweeping import FIRST

POOLS_AT_ONCE = 2000
"""Campaigns in which one scrape searches; with more, several scrapes together search all."""


class SweeperLag:
    """Repeated observation of the code that has been due longest."""

    def __init__(self) -> None:
        self._after = FIRST
        self._last = self._longest = 0.0

    def observe(self, connection: Connection, now: Millis) -> float:
        """Return the seconds for which a code has been due; 0 if there is none."""
        pools, after = due_pools(connection, self._after, now, POOLS_AT_ONCE)
        self._longest = max([self._longest, *((now - each.since) / 1000 for each in pools)])
        self._after = after or FIRST
        if after is None:
            self._last, self._longest = self._longest, 0.0
        return max(self._last, self._longest)
