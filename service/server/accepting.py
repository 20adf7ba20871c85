"""Refused connections: accepting pauses, while existing connections are served.

The system refuses new connections at its limits of files or memory (accept(2): EMFILE, ENFILE,
ENOBUFS, ENOMEM), or after a network error. An immediate retry would be a busy loop, as the
connection keeps waiting.
"""

import errno
import math
import time
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

PAUSE_S = 0.5
LOG_INTERVAL_S = 60.0


class AcceptPause:
    """The pause of accepting, one in each worker.

    Args:
        log: Logs a refusal, at most once a minute.
        count: Counts refusals.
    """

    def __init__(self, log: FilteringBoundLogger, count: Callable[[], None]) -> None:
        self._log, self._count = log, count
        self._ends = self._last_logged = -math.inf

    @property
    def lasts(self) -> bool:
        """Whether accepting is paused now."""
        return time.monotonic() < self._ends

    def begin(self, error: OSError) -> None:
        """Start a pause, and record the refusal."""
        self._ends = time.monotonic() + PAUSE_S
        self.note(error)

    def note(self, error: OSError) -> None:
        """Count a refusal, and log it."""
        now = time.monotonic()
        self._count()
        if now - self._last_logged > LOG_INTERVAL_S:
            self._last_logged = now
            name = errno.errorcode.get(error.errno or 0, "unknown")
            self._log.error("accept_failed", reason=name)
