"""The nemesis: one fault after the other, in an order made from a seed."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from tests.history.history import Disturbance

Befall = Callable[[Random], None]
"""Does something bad, and returns when it is over; what it does exactly is by chance."""


@dataclass(frozen=True, slots=True)
class Evil:
    """One way to disturb the service.

    Args:
        name: What the summary calls it.
        befall: Does it, and starts again whatever died.
        often: How many times it comes in each round.
        prepare: Waits for what must be so before it begins.
    """

    name: str
    befall: Befall
    often: int = 1
    prepare: Callable[[], None] = lambda: None


class Nemesis(threading.Thread):
    """Lets every evil come about in each round, in an order of its own, until told to stop.

    Args:
        evils: What may happen.
        seed: Where the order and the moments come from.
        rest_s: Seconds of peace between two, on average.
        tell: Is told of each when it begins.
        most: How many there are at most.
    """

    def __init__(
        self,
        evils: Sequence[Evil],
        seed: str,
        rest_s: float,
        tell: Callable[[str], object],
        most: int = sys.maxsize,
    ) -> None:
        super().__init__(name="nemesis", daemon=True)
        self._tell = tell
        self.done: list[Disturbance] = []
        self.error: BaseException | None = None
        self._round = [evil for evil in evils for _ in range(evil.often)]
        self._chance = Random(seed)  # noqa: S311 - an order, not a secret
        self._rest_s = rest_s
        self._most = most
        self.stopped = threading.Event()

    def run(self) -> None:
        coming: list[Evil] = []
        while len(self.done) < self._most:
            if self.stopped.wait(self._chance.uniform(0, 2 * self._rest_s)):
                return
            coming = coming or self._chance.sample(self._round, len(self._round))
            evil = coming.pop()
            try:
                evil.prepare()
                began = time.monotonic()
                self._tell(f"{datetime.now(UTC):%H:%M:%S.%f} {evil.name}: ")
                evil.befall(self._chance)
            except BaseException as error:
                self.error = error
                raise
            self._tell(f"over after {time.monotonic() - began:.1f} s\n")
            self.done.append(Disturbance(evil.name, began, time.monotonic()))

    def stop(self, within_s: float = 120.0) -> None:
        """Let the evil under way be the last.

        Raises:
            AssertionError: Something did not come back after it.
        """
        self.stopped.set()
        self.join(within_s)
        assert self.error is None, self.error
        assert not self.is_alive(), "the nemesis hangs"
