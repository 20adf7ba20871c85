"""Telling of a slow database, seldom enough to be read."""

import threading
import time

from structlog.typing import FilteringBoundLogger

EVERY_S = 10.0
"""A process says it at most so often."""


class SlowLog:
    """Writes a line for the first slow operation, and for the slowest of those that followed.

    Args:
        log: Gets the lines.
        every_s: How long to be silent after each.
    """

    def __init__(self, log: FilteringBoundLogger, every_s: float = EVERY_S) -> None:
        self._log = log
        self._every_s = every_s
        self._lock = threading.Lock()
        self._silent_until = 0.0
        self._slowest: tuple[float, str] = (0.0, "")
        self._count = 0

    def __call__(self, operation: str, seconds: float) -> None:
        """Note an operation, `read` or `write`, that took so long."""
        with self._lock:
            self._slowest = max(self._slowest, (seconds, operation))
            self._count += 1
            now = time.monotonic()
            if now < self._silent_until:
                return
            self._silent_until = now + self._every_s
            (slowest_s, slowest), self._slowest = self._slowest, (0.0, "")
            count, self._count = self._count, 0
        self._log.warning(
            "database_slow", operation=slowest, seconds=round(slowest_s, 3), operations=count
        )
