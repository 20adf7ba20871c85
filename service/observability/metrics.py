"""Metrics: what is counted, and how it is shown to Prometheus.

Every process counts into files of its own below `PROMETHEUS_MULTIPROC_DIR`; whoever is
scraped adds them up. Labels take a bounded number of values, whatever callers send.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

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
        method = method if method in METHODS else "other"
        route = route or UNMATCHED
        self._requests.labels(method, route, str(status)).inc()
        self._durations.labels(method, route).observe(seconds)

    def created(self, codes: int) -> None:
        """Count created codes."""
        self._created.inc(codes)

    def reservation(self, outcome: str) -> None:
        """Count a reservation by its outcome, one of `OUTCOMES`."""
        self._reservations[outcome].inc()

    def commit(self, writes: int, waiting: int) -> None:
        """Note how many writes shared a commit, and how many waited behind it."""
        self._batches.observe(writes)
        self._waiting.set(waiting)


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
