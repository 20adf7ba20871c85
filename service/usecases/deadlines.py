"""One deadline for all that a call waits for, from its arrival: callers hear within 5 s.

Whoever waits on behalf of a call asks here until when it may. Without a call there is no deadline.
"""

import math
import time
from contextvars import ContextVar

ANSWER_WITHIN_S = 4.5
"""How long after its arrival a call is given up; the contract's callers hear within 5 s."""
_DEADLINE: ContextVar[float] = ContextVar("deadline", default=math.inf)
"""Of the call that this thread or task answers, on the clock `time.monotonic`."""


def begin(arrived: float) -> None:
    """Begin to answer a call that has arrived at `arrived`."""
    _DEADLINE.set(arrived + ANSWER_WITHIN_S)


def lift() -> None:
    """Let the call take as long as it takes; what it moves has a pace and an end of its own."""
    _DEADLINE.set(math.inf)


def is_over() -> bool:
    """Say whether the call should have been answered by now."""
    return time.monotonic() >= _DEADLINE.get()


def until(seconds: float) -> float:
    """Return the moment up to which something may be waited for, `seconds` from now at most."""
    return min(time.monotonic() + seconds, _DEADLINE.get())


def left(seconds: float) -> float:
    """Return for how long something may be waited for, `seconds` at most."""
    return max(0.0, min(seconds, _DEADLINE.get() - time.monotonic()))
