"""The nemesis: a sequence of faults in an order that a seed determines."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from tests.tools.history.history import Disturbance

Inject = Callable[[Random], None]
"""Injects a fault, and returns when it is over; the details are random."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to disturb the service.

    Args:
        name: What the summary calls it.
        inject: Injects the fault, and restarts whatever died.
        often: How many times each round has the fault.
        prepare: Waits for the preconditions of the fault.
    """

    name: str
    inject: Inject
    often: int = 1
    prepare: Callable[[], None] = lambda: None


class Nemesis(threading.Thread):
    """Injects every fault in each round, in an order of its own, until stopped.

    Args:
        faults: The faults to inject.
        seed: Where the order and the moments come from.
        rest_s: Seconds of peace between two, on average.
        write: Takes a line for each fault.
        most: How many there are at most.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        seed: str,
        rest_s: float,
        write: Callable[[str], object],
        most: int = sys.maxsize,
    ) -> None:
        super().__init__(name="nemesis", daemon=True)
        self._write = write
        self.done: list[Disturbance] = []
        self.error: BaseException | None = None
        self._round = [fault for fault in faults for _ in range(fault.often)]
        self._chance = Random(seed)  # noqa: S311 - an order, not a secret
        self._rest_s = rest_s
        self._most = most
        self.stopped = threading.Event()

    def run(self) -> None:
        coming: list[Fault] = []
        while len(self.done) < self._most:
            if self.stopped.wait(self._chance.uniform(0, 2 * self._rest_s)):
                return
            coming = coming or self._chance.sample(self._round, len(self._round))
            fault = coming.pop()
            try:
                fault.prepare()
                began = time.monotonic()
                self._write(f"{datetime.now(UTC):%H:%M:%S.%f} {fault.name}: ")
                fault.inject(self._chance)
            except BaseException as error:
                self.error = error
                raise
            self._write(f"over after {time.monotonic() - began:.1f} s\n")
            self.done.append(Disturbance(fault.name, began, time.monotonic()))

    def stop(self, within_s: float = 120.0) -> None:
        """Let the current fault be the last.

        Raises:
            AssertionError: Something did not come back after it.
        """
        self.stopped.set()
        self.join(within_s)
        assert self.error is None, self.error
        assert not self.is_alive(), "the nemesis hangs"
