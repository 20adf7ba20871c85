"""Unknown codes: who asks for many of them guesses, and is refused for a while.

Short codes, as lists bring them, could else be listed by whoever may look them up.
`docs/adr/0015-limit-look-ups-of-unknown-codes.md` says what counts.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from service.auth.caller import Caller
from service.domain.errors import TooManyMisses
from service.formats.refusals import Reason, Refusal
from service.observability.metrics.instruments import Metrics

WINDOW_S = 60.0
MOST = 10_000
"""Callers and brands that are kept count of; of more, those whose window began first are forgotten:
some megabytes."""

_TELLING = {Reason.IN_BRAND, Reason.IN_OTHER_IMPORT}
"""What a report says of a code that others may not guess."""

Key = tuple[str, str, str]
"""Issuer, subject, brand."""


class Misses:
    """Counts the codes that a caller asked for in a brand which there are not, in this process.

    Args:
        limit: How many there may be in `WINDOW_S`, which begins with the first; 0 for any number.
        metrics: Counts them all.
        clock: Tells the time in seconds.
    """

    def __init__(
        self, limit: int, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._metrics = metrics
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: OrderedDict[Key, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many windows are kept."""
        return len(self._windows)

    def require(self, caller: Caller, brand: str) -> None:
        """Let a caller look up codes, if it has not missed too many.

        Raises:
            TooManyMisses: It has.
        """
        window = self._windows.get(_key(caller, brand))
        if window is None:
            return
        ends, count = window
        left = ends - self._clock()
        if count > self._limit and left > 0:
            raise TooManyMisses(math.ceil(left))

    def add(self, caller: Caller, brand: str, count: int = 1) -> None:
        """Count codes that there are not."""
        if not count:
            return
        self._metrics.code_misses(count)
        if self._limit:
            self._count(_key(caller, brand), count)

    def counting(
        self, caller: Caller, brand: str, parts: Iterator[Sequence[Refusal]]
    ) -> Iterator[Sequence[Refusal]]:
        """Count the rows of a report that say that the brand has a code, before they are told.

        Or is about to have it: whoever guesses a code that another import brings has it soon.
        """
        for part in parts:
            self.add(caller, brand, sum(refusal.reason in _TELLING for refusal in part))
            yield part

    def _count(self, key: Key, count: int) -> None:
        now = self._clock()
        with self._lock:
            ends, before = self._windows.get(key, (now, 0))
            if ends <= now:
                self._windows.pop(key, None)
                ends, before = now + WINDOW_S, 0
            self._windows[key] = ends, before + count
            while len(self._windows) > MOST:
                self._windows.popitem(last=False)


def _key(caller: Caller, brand: str) -> Key:
    return caller.issuer, caller.subject, brand
