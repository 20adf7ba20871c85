"""Misses: a caller that looks up many unknown codes is guessing, and is refused for a while.

Otherwise a caller who may look up codes could find all the short ones that imports bring.
`docs/adr/0015-limit-look-ups-of-unknown-codes.md` says what counts as a miss.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from service.auth.caller import Caller
from service.domain.errors import CodeNotFound, TooManyMisses
from service.domain.jobs import Job
from service.formats.refusals import Reason, Refusal
from service.observability.metrics.instruments import Metrics

WINDOW_S = 60.0
MOST = 10_000
"""Most windows in memory, a few megabytes; beyond that, the oldest are forgotten."""

_REVEALING = {Reason.IN_BRAND, Reason.IN_OTHER_IMPORT, Reason.UNKNOWN}
"""Reasons in a report of which a guesser would have many: rows that reveal a code of the brand, and
in a list of codes to disable or enable those that name none."""

Key = tuple[str, str, str]
"""Issuer, subject, brand."""


Refusals = Callable[[], AbstractContextManager[Iterator[Sequence[Refusal]]]]
"""Returns a context manager of the refused rows of an import."""


class Counted(NamedTuple):
    """The numbers of an import that a caller was shown, and those that were counted."""

    failed: int
    revealed: int


class Misses:
    """The misses of callers in brands, in this process.

    Args:
        limit: Most misses in `WINDOW_S`, which begins with the first miss; 0: no limit.
        metrics: Counts all misses.
        clock: The time in seconds.
    """

    def __init__(
        self, limit: int, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._metrics = metrics
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: OrderedDict[Key, tuple[float, int]] = OrderedDict()
        self._jobs: OrderedDict[tuple[Key, str], Counted] = OrderedDict()
        """The imports that callers were shown."""

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self._windows)

    def require(self, caller: Caller, brand: str) -> None:
        """Require that a caller may look up codes.

        Raises:
            TooManyMisses: It has too many misses.
        """
        window = self._windows.get(_key(caller, brand))
        if window is None:
            return
        ends, count = window
        left = ends - self._clock()
        if count > self._limit and left > 0:
            raise TooManyMisses(math.ceil(left))

    @contextmanager
    def of_look_up(self, caller: Caller, brand: str) -> Iterator[None]:
        """Count a look-up whose code is unknown; refuse it if there were too many.

        Raises:
            TooManyMisses: The caller has too many misses, this one included.
        """
        self.require(caller, brand)
        with self.of_change(caller, brand):
            yield

    @contextmanager
    def of_change(self, caller: Caller, brand: str) -> Iterator[None]:
        """Count a change of a code that is unknown; refuse that if there were too many.

        A caller with too many misses may still change the codes that there are.

        Raises:
            TooManyMisses: The code is unknown, and the caller has too many misses.
        """
        try:
            yield
        except CodeNotFound:
            self.add(caller, brand)
            self.require(caller, brand)
            raise

    def add(self, caller: Caller, brand: str, count: int = 1) -> None:
        """Count misses."""
        if not count:
            return
        self._metrics.code_misses(count)
        if self._limit:
            self._count(_key(caller, brand), count)

    def count_job(self, caller: Caller, brand: str, job: Job, refusals: Refusals) -> None:
        """Count the codes that the numbers of an import reveal, before they are sent.

        A caller that guesses one code at a time needs no report. Each refused row counts once for
        each caller that is shown the job.
        """
        key = _key(caller, brand), job.id
        before = self._jobs.get(key, Counted(0, 0))
        if not self._limit or job.failed <= before.failed:
            return
        revealed = 0
        with refusals() as parts:
            for part in parts:
                revealed += _revealed(part)
                if revealed > self._limit:
                    break
        with self._lock:
            self._jobs[key] = Counted(job.failed, max(revealed, before.revealed))
            while len(self._jobs) > MOST:
                self._jobs.popitem(last=False)
        self.add(caller, brand, max(0, revealed - before.revealed))

    def counting(
        self, caller: Caller, brand: str, job_id: str, parts: Iterator[Sequence[Refusal]]
    ) -> Iterator[Sequence[Refusal]]:
        """Count the rows of a report that reveal a code of the brand, before they are sent.

        Codes of another open import count as well: the brand will soon have them. What the job's
        numbers have revealed before does not count again.
        """
        _, credit = self._jobs.get((_key(caller, brand), job_id), Counted(0, 0))
        for part in parts:
            revealed = _revealed(part)
            self.add(caller, brand, max(0, revealed - credit))
            credit = max(0, credit - revealed)
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


def _revealed(part: Sequence[Refusal]) -> int:
    return sum(refusal.reason in _REVEALING for refusal in part)


def _key(caller: Caller, brand: str) -> Key:
    return caller.issuer, caller.subject, brand
