"""Metrics: what is counted, and how it is shown to Prometheus.

Every process counts into files of its own below `PROMETHEUS_MULTIPROC_DIR`; whoever is
scraped adds them up. Labels take a bounded number of values, whatever callers send.
"""

import os
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service import __version__
from service.domain.errors import AuthRefusal

OUTCOMES = ("new", "repeated", "exhausted")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
"""The `route` of a request that matches none."""
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

CodesAvailable = Callable[[], Iterable[tuple[str, str, int]]]
"""Tells brand, campaign and how many codes are available, for each campaign."""


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "discount_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._durations = Histogram(
            "discount_http_request_duration_seconds",
            "Time from the request's arrival at the application to its answer.",
            ["method", "route"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._of_requests: dict[tuple[str, str | None, int], tuple[Counter, Histogram]] = {}
        self._created = Counter(
            "discount_codes_created",
            "Codes created.",
            registry=self.registry,
        )
        reservations = Counter(
            "discount_reservations",
            "Reservations asked for: new, repeated, or refused because none was left (exhausted).",
            ["outcome"],
            registry=self.registry,
        )
        # Made at once, so that each is scraped as 0 before it first happens.
        self._reservations = {outcome: reservations.labels(outcome) for outcome in OUTCOMES}

        refusals = Counter(
            "discount_auth_refusals",
            "Calls that the guard refused, by its reason.",
            ["reason"],
            registry=self.registry,
        )
        self._refusals = {reason: refusals.labels(reason.value) for reason in AuthRefusal}

        database = Histogram(
            "discount_database_seconds",
            "Time of a read, connection included, and of a write transaction with its commit.",
            ["operation"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._database = {name: database.labels(name) for name in ("read", "write")}
        self._batches = Histogram(
            "discount_commit_batch_size",
            "Writes that shared one commit.",
            buckets=BATCHES,
            registry=self.registry,
        )
        self._waiting = Gauge(
            "discount_commit_waiting",
            "Writes that had not begun when the last commit returned.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )

    def request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count an answered request."""
        kind = (method, route, status)
        counter, histogram = self._of_requests.get(kind) or self._find(kind)
        counter.inc()
        histogram.observe(seconds)

    def _find(self, kind: tuple[str, str | None, int]) -> tuple[Counter, Histogram]:
        """Return what counts requests of a kind, and keep it: `labels` would look each time."""
        method, route, status = kind
        known = method if method in METHODS else "other"
        labels = (known, route or UNMATCHED)
        found = self._requests.labels(*labels, str(status)), self._durations.labels(*labels)
        if method == known:  # callers make up methods without end
            self._of_requests[kind] = found
        return found

    def created(self, codes: int) -> None:
        """Count created codes."""
        self._created.inc(codes)

    def reservation(self, outcome: str) -> None:
        """Count a reservation by its outcome, one of `OUTCOMES`."""
        self._reservations[outcome].inc()

    def auth_refusal(self, reason: AuthRefusal) -> None:
        """Count a call that the guard refused."""
        self._refusals[reason].inc()

    def read(self, seconds: float) -> None:
        """Note a read of the database."""
        self._database["read"].observe(seconds)

    def commit(self, writes: int, waiting: int, seconds: float) -> None:
        """Note how many writes shared a transaction, how many waited, and how long it took."""
        self._batches.observe(writes)
        self._waiting.set(waiting)
        self._database["write"].observe(seconds)


class CodesAvailableCollector(Collector):
    """Asks the store how many codes are left, at the moment of each scrape."""

    def __init__(self, codes_available: CodesAvailable) -> None:
        """Take the numbers from `codes_available`."""
        self._codes_available = codes_available

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauge; where the store cannot answer, nothing, so that it goes stale."""
        family = GaugeMetricFamily(
            "discount_codes_available",
            "Codes that can still be reserved.",
            labels=["brand", "campaign"],
        )
        for brand, campaign, available in self._codes_available():
            family.add_metric([brand, campaign], available)
        yield family


class BuildCollector(Collector):
    """Tells what is running; the value is always 1."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauge; the library's own Info does not work with several processes."""
        build = {"version": __version__, "python": platform.python_version()}
        family = GaugeMetricFamily("discount_build_info", "What is running.", labels=list(build))
        family.add_metric(list(build.values()), 1)
        yield family


class WorkerCollector(Collector):
    """Looks at the worker processes from outside, at the moment of each scrape.

    So a worker that is busy, or swapped out, is seen all the same. There is no series for each
    worker: their ids would be new labels after every restart.
    """

    def __init__(self, workers: Callable[[], Iterable[int]]) -> None:
        """Take the process ids of those that are alive from `workers`."""
        self._workers = workers

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield how many there are and, where the system tells, the memory of the largest."""
        workers = list(self._workers())
        yield GaugeMetricFamily("discount_workers", "Worker processes.", value=len(workers))
        if sizes := [size for worker in workers if (size := resident_bytes(worker))]:
            yield GaugeMetricFamily(
                "discount_worker_resident_bytes",
                "Resident memory of the largest worker process, with pages that it shares.",
                value=max(sizes),
            )


def resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process, if it is there and the system is Linux."""
    with suppress(OSError):
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return None
