"""Counts of reservations that found no code, for each campaign.

prometheus-client's shared files never forget a label, and callers ask for many campaigns in time.
So every process keeps the counts of the campaigns that were asked last, in a file of its own beside
those of prometheus-client, and a scrape adds them up.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import orjson
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

Pool = tuple[str, str]
"""A brand and a campaign."""
_PREFIX = "exhausted_"


class Exhausted(NamedTuple):
    """How often a campaign was asked in vain, and when last, by `time.monotonic`."""

    calls: int
    at: float

    def plus(self, other: "Exhausted") -> "Exhausted":
        """Return the sum."""
        return Exhausted(self.calls + other.calls, max(self.at, other.at))


class ExhaustedPools:
    """The counts of one process.

    Args:
        most: Most campaigns; those asked last stay.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._counts: OrderedDict[Pool, Exhausted] = OrderedDict()
        self._changed = False

    def add(self, brand: str, campaign: str) -> None:
        """Count a reservation that found no code."""
        pool, asked = (brand, campaign), Exhausted(1, time.monotonic())
        with self._lock:
            before = self._counts.pop(pool, None)
            self._counts[pool] = asked.plus(before) if before else asked
            if len(self._counts) > self._most:
                self._counts.popitem(last=False)
            self._changed = True

    def write(self, folder: Path, pid: int) -> None:
        """Write the file of this process, if anything has changed.

        Raises:
            OSError: There is no space for it.
        """
        with self._lock:
            if not self._changed:
                return
            self._changed = False
            rows = [(*pool, *found) for pool, found in self._counts.items()]
        unnamed = folder / f"{_PREFIX}{pid}.new"
        try:
            unnamed.write_bytes(orjson.dumps(rows))
            unnamed.replace(folder / f"{_PREFIX}{pid}.json")
        except OSError:
            self._changed = True
            raise


class ExhaustedCollector(Collector):
    """A collector of the sums of all processes.

    Args:
        folder: The folder of the processes' files.
        most: Most campaigns to show; those asked last are shown.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._ended: Mapping[Pool, Exhausted] = {}

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counters."""
        found = dict(self._ended)
        for file in self._folder.glob(f"{_PREFIX}*.json"):
            _add(found, file)
        family = CounterMetricFamily(
            "discount_pool_exhausted",
            "Reservations that found no code in this campaign.",
            labels=["brand", "campaign"],
        )
        for pool, exhausted in self._latest(found).items():
            family.add_metric(pool, exhausted.calls)
        yield family

    def forget(self, pid: int) -> None:
        """Keep the counts of an ended process, and remove its file."""
        file, found = self._folder / f"{_PREFIX}{pid}.json", dict(self._ended)
        _add(found, file)
        self._ended = self._latest(found)
        file.unlink(missing_ok=True)

    def _latest(self, found: Mapping[Pool, Exhausted]) -> Mapping[Pool, Exhausted]:
        if len(found) <= self._most:
            return found
        return dict(sorted(found.items(), key=lambda item: -item[1].at)[: self._most])


def _add(found: dict[Pool, Exhausted], file: Path) -> None:
    with suppress(FileNotFoundError):  # its process has just ended
        for brand, campaign, calls, at in orjson.loads(file.read_bytes()):
            asked = Exhausted(calls, at)
            before = found.get((brand, campaign))
            found[brand, campaign] = asked.plus(before) if before else asked
