"""The deadline of a call for everything it waits for: callers get an answer within 5 s.

Code that waits on behalf of a call asks here for how long. Outside of a call there is no deadline.
"""

import math
import time
from contextvars import ContextVar

ANSWER_TIMEOUT_S = 4.5
"""Seconds after its arrival until a call is given up; the contract promises 5 s."""
_DEADLINE: ContextVar[float] = ContextVar("deadline", default=math.inf)
"""The deadline of the current thread's or task's call, on the clock `time.monotonic`."""


def begin(arrived: float) -> None:
    """Set the deadline of a call that arrived at `arrived`."""
    _DEADLINE.set(arrived + ANSWER_TIMEOUT_S)


def lift() -> None:
    """Remove the deadline of a transfer, which has limits of its own."""
    _DEADLINE.set(math.inf)


def is_over() -> bool:
    """Return whether the deadline is over."""
    return time.monotonic() >= _DEADLINE.get()


def until(seconds: float) -> float:
    """Return the time until which the caller may wait, at most `seconds` from now."""
    return min(time.monotonic() + seconds, _DEADLINE.get())


def left(seconds: float) -> float:
    """Return how long the caller may wait, `seconds` at most."""
    return max(0.0, min(seconds, _DEADLINE.get() - time.monotonic()))
