"""The clock of use cases."""

import time
from collections.abc import Callable

from service.domain.model import Millis

Clock = Callable[[], Millis]


def system_clock() -> Millis:
    """Return the current time."""
    return time.time_ns() // 1_000_000
