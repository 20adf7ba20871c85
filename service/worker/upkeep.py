"""Upkeep by workers besides jobs: purging of old data, and sweeping of lapsed reservations."""

import time
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from service.domain.errors import Unavailable
from service.usecases.pacing import POLITE_REST_S

UPKEEP_S = 0.5
"""How long jobs wait for it."""
INTERVAL_S = 1.0
"""Seconds between two looks for something to do."""


class Upkeep:
    """Maintenance besides jobs, with up to as much time as they have.

    Args:
        step: Does a small step; returns whether there may be more.
        rest: Pauses; returns whether the worker has to stop.
        log: Logs failures.
        broken: Notes an unforeseen failure.
    """

    def __init__(
        self,
        step: Callable[[], bool],
        rest: Callable[[float], bool],
        log: FilteringBoundLogger,
        broken: Callable[[Exception], None],
    ) -> None:
        self._step = step
        self._rest = rest
        self._log = log
        self._broken = broken
        self._next = 0.0

    def some(self) -> None:
        """Do some steps, unless that was done just now."""
        began = time.monotonic()
        if began < self._next:
            return
        try:
            more = self._until(began + UPKEEP_S)
        except Unavailable as error:
            self._log.warning("jobs_unavailable", exc_info=error)
            more = False
        except Exception as error:  # noqa: BLE001 - the current job is not affected
            self._broken(error)
            more = False
        now = time.monotonic()
        self._next = now + (now - began if more else INTERVAL_S)

    def _until(self, end: float) -> bool:
        while self._step():
            if time.monotonic() >= end or self._rest(POLITE_REST_S):
                return True
        return False
