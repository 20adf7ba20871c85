"""Stacks of exceptions in the log: bounded in length, and each printed once in a while.

A database that is away for minutes fails thousands of calls at the same place.
"""

import hashlib
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import TracebackType

REPEAT_AFTER_S = 60.0
"""Seconds after which a stack is printed again."""
MOST_STACKS = 256
"""Stacks that are remembered; those printed last stay."""
MOST_FRAMES = 40
"""Longest stack; a longer one, of a recursion, has its first and last frames."""


class PrintedStacks:
    """The stacks that were printed recently, by the threads of a process.

    Args:
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._printed: OrderedDict[str, float] = OrderedDict()

    def is_new(self, stack_id: str) -> bool:
        """Return whether a stack is to be printed now.

        Without a lock: at worst, two threads print the same stack.
        """
        now = self._clock()
        if now - self._printed.get(stack_id, -REPEAT_AFTER_S) < REPEAT_AFTER_S:
            return False
        self._printed[stack_id] = now
        while len(self._printed) > MOST_STACKS:
            self._printed.pop(next(iter(self._printed)), None)
        return True


def frames_of(stack: TracebackType | None) -> Sequence[str]:
    """Return the code locations of a stack, outermost first, without reading source files."""
    found = [
        f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(stack)
    ]
    if len(found) <= MOST_FRAMES:
        return found
    half, left_out = MOST_FRAMES // 2, len(found) - MOST_FRAMES
    return [*found[:half], f"... {left_out} more", *found[-half:]]


def id_of(types: Sequence[str], frames: Sequence[str]) -> str:
    """Return an id of an exception's types and stack, the same in all processes."""
    text = "\n".join((*types, *frames))
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=4).hexdigest()
