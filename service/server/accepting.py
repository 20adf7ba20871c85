"""When the system refuses a new connection: nobody new for a moment, and all others are served.

It does so when a limit of files or memory is reached (accept(2): EMFILE, ENFILE, ENOBUFS,
ENOMEM), or for a fault of the network. Trying again at once would be a busy loop, as the
connection waits on.
"""

import errno
import math
import time
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

PAUSE_S = 0.5
LOG_INTERVAL_S = 60.0


class AcceptPause:
    """Whether new connections are accepted now; one in each worker.

    Args:
        log: Hears of a refusal, once a minute.
        count: Counts refusals.
    """

    def __init__(self, log: FilteringBoundLogger, count: Callable[[], None]) -> None:
        self._log, self._count = log, count
        self._ends = self._last_logged = -math.inf

    @property
    def lasts(self) -> bool:
        """Whether nobody is to be accepted now."""
        return time.monotonic() < self._ends

    def begin(self, error: OSError) -> None:
        """Accept nobody for a moment."""
        self._ends = time.monotonic() + PAUSE_S
        self.note(error)

    def note(self, error: OSError) -> None:
        """Count and log a refusal."""
        now = time.monotonic()
        self._count()
        if now - self._last_logged > LOG_INTERVAL_S:
            self._last_logged = now
            name = errno.errorcode.get(error.errno or 0, "unknown")
            self._log.error("accept_failed", reason=name)
