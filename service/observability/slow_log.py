"""Telling of a slow database, seldom enough to be read."""

import math
import threading
import time
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

INTERVAL_S = 10.0
"""A process says it at most so often."""


class SlowLog:
    """Writes a line for the first slow operation, and for the slowest of those that followed.

    Args:
        log: Gets the lines.
        clock: Tells seconds, and never goes back.
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
        """Note an operation, `read` or `write`, that took so long."""
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
