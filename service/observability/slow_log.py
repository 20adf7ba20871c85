"""A log of slow database operations, limited in rate."""

import math
import threading
import time
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

INTERVAL_S = 10.0
"""Seconds between two lines of a process."""


class SlowLog:
    """A log of the first slow operation, then of the slowest one in each interval.

    Args:
        log: The logger.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self, log: FilteringBoundLogger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._silent_until = -math.inf
        self._slowest: tuple[float, str] = (0.0, "")
        self._count = 0

    def __call__(self, operation: str, seconds: float) -> None:
        """Record a slow operation, `read` or `write`."""
        with self._lock:
            self._slowest = max(self._slowest, (seconds, operation))
            self._count += 1
            now = self._clock()
            if now < self._silent_until:
                return
            self._silent_until = now + INTERVAL_S
            (slowest_s, slowest), self._slowest = self._slowest, (0.0, "")
            count, self._count = self._count, 0
        self._log.warning(
            "database_slow", operation=slowest, seconds=round(slowest_s, 3), operations=count
        )
