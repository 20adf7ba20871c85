"""Instruments of the application.

Every process counts in its own files below `PROMETHEUS_MULTIPROC_DIR`, which a scrape adds up.
Labels have a bounded number of values, whatever callers send.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.domain.errors import AuthRefusal, StorageRefusal
from service.observability.log_output import DROPPED
from service.observability.metrics.counter_files import VARIABLE
from service.observability.metrics.exhausted_pools import ExhaustedPools
from service.observability.metrics.move_counters import MoveCounters

OUTCOMES = ("new", "repeated", "exhausted")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
METHODS_OF_CALLS = ("GET", "POST", "PUT", "DELETE", "other")
UNMATCHED = "unmatched"
"""The `route` of requests without a route, such as those that wait in vain for a thread."""
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

SLOW_S = 0.25
"""Duration of a slow database operation in seconds: a call that waits for it misses
the objective for latency."""
LOG_LINES_DROPPED = "Log lines that could not be written, or that nobody read in time."
ALERTED_STATUSES = (401, 403, 429, 500, 503, 507)
"""The statuses of calls that alerts read."""
FORESEEN_ERRORS = ("SQLITE_FULL", "SQLITE_BUSY", "53100")
"""Database errors with alerts; 53100 is PostgreSQL's full disk."""


class Metrics:
    """The metrics of one application.

    Args:
        slow: Called with each slow database operation: its name, and its duration in
            seconds.
        most_pools: Most campaigns with a count of reservations in vain.
    """

    def __init__(
        self, slow: Callable[[str, float], None] | None = None, most_pools: int = 2000
    ) -> None:
        self._slow = slow
        self._exhausted_pools = ExhaustedPools(most_pools)
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "discount_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._durations = Histogram(
            "discount_http_request_duration_seconds",
            "Time in the application.",
            ["method", "route"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        for method in METHODS_OF_CALLS:
            self.expect_failures(method, UNMATCHED)
        self._of_requests: dict[tuple[str, str | None, int], tuple[Counter, Histogram]] = {}
        self._created = Counter(
            "discount_codes_created",
            "Codes created.",
            registry=self.registry,
        )
        reservations = Counter(
            "discount_reservations",
            "Reservations requested: new, repeated or exhausted.",
            ["outcome"],
            registry=self.registry,
        )
        # Made at once, so that each is scraped as 0 before it first happens.
        self._reservations = {outcome: reservations.labels(outcome) for outcome in OUTCOMES}
        self.moves = MoveCounters(self.registry)

        refusals = Counter(
            "discount_auth_refusals",
            "Calls that authentication or authorization rejected.",
            ["reason"],
            registry=self.registry,
        )
        self._refusals = {reason: refusals.labels(reason.value) for reason in AuthRefusal}

        storage = Counter(
            "discount_storage_refusals",
            "Calls rejected because the database may not grow.",
            ["reason"],
            registry=self.registry,
        )
        self._storage = {reason: storage.labels(reason.value) for reason in StorageRefusal}

        self._misses = Counter(
            "discount_code_misses",
            "Unknown codes that were looked up.",
            registry=self.registry,
        )
        self._errors = Counter(
            "discount_database_errors",
            "Calls that failed because of the database, by database_error.",
            ["error"],
            registry=self.registry,
        )
        for name in FORESEEN_ERRORS:
            self._errors.labels(name)
        database = Histogram(
            "discount_database_seconds",
            "Duration of a read, or of a write transaction with its commit.",
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
            "Writes that have not begun.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        self._connections = Gauge(
            "discount_database_connections",
            "Connections to the database that callers share.",
            ["state"],
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        self._connections_max = Gauge(
            "discount_database_connections_max",
            "Maximum number of these connections.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )

        self._accepts_failed = Counter(
            "discount_accept_failures",
            "New connections that the system rejected.",
            registry=self.registry,
        )
        self._log_lines_dropped = Counter(
            "discount_log_lines_dropped", LOG_LINES_DROPPED, registry=self.registry
        )

        self._rate_limited = Counter(
            "discount_rate_limited",
            "Calls rejected with 429, by the problem in the response.",
            ["problem"],
            registry=self.registry,
        )
        self._redis_failures = Counter(
            "discount_redis_failures",
            "Attempts to reach Redis that failed.",
            registry=self.registry,
        )
        self._spans_dropped = Counter(
            "discount_spans_dropped",
            "Spans that could not be exported.",
            registry=self.registry,
        )

    def expect_failures(self, method: str, route: str) -> None:
        """Begin the series of a route's failures and rejections with 0.

        Prometheus sees no increase in a series that begins with its first failures.
        """
        for status in ALERTED_STATUSES:
            self._requests.labels(method, route, str(status))

    def expect_durations(self, method: str, route: str) -> None:
        """Begin the series of a route's durations with 0."""
        self._durations.labels(method, route)

    def expect_rate_limits(self, problems: Iterable[str]) -> None:
        """Begin the series of calls rejected with these problems with 0."""
        for problem in problems:
            self._rate_limited.labels(problem)

    def rate_limited(self, problem: str) -> None:
        """Count a call that is rejected with 429."""
        self._rate_limited.labels(problem).inc()

    def redis_failed(self) -> None:
        """Count a failed attempt to reach Redis."""
        self._redis_failures.inc()

    def spans_dropped(self, spans: int) -> None:
        """Count spans that are lost."""
        self._spans_dropped.inc(spans)

    def request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count an answered request."""
        kind = (method, route, status)
        counter, histogram = self._of_requests.get(kind) or self._find(kind)
        counter.inc()
        histogram.observe(seconds)

    def _find(self, kind: tuple[str, str | None, int]) -> tuple[Counter, Histogram]:
        """Return the instruments for requests of a kind, cached because `labels` is slow."""
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

    def pool_exhausted(self, brand: str, campaign: str) -> None:
        """Count a reservation that found no code, by its campaign."""
        self._exhausted_pools.add(brand, campaign)

    def write_exhausted_pools(self) -> None:
        """Write the counts of exhausted pools beside the shared files of prometheus-client."""
        if folder := os.environ.get(VARIABLE):
            self._exhausted_pools.write(Path(folder), os.getpid())

    def auth_refusal(self, reason: AuthRefusal) -> None:
        """Count a failed authentication or authorization."""
        self._refusals[reason].inc()

    def storage_refusal(self, reason: StorageRefusal) -> None:
        """Count a call that is refused because the database may not grow."""
        self._storage[reason].inc()

    def code_misses(self, count: int) -> None:
        """Count lookups of unknown codes."""
        self._misses.inc(count)

    def database_error(self, name: str) -> None:
        """Count a call that failed because of the database."""
        self._errors.labels(name).inc()

    def accept_failed(self) -> None:
        """Count a connection that the system refused."""
        self._accepts_failed.inc()

    def log_lines(self) -> int:
        """Count the log lines that this process has dropped since the last call."""
        dropped = DROPPED.take()
        self._log_lines_dropped.inc(dropped)
        return dropped

    def saturation(self, waiting: int, in_use: int, idle: int, most: int) -> None:
        """Set the number of waiting writes, and of connections."""
        self._waiting.set(waiting)
        self._connections.labels("in_use").set(in_use)
        self._connections.labels("idle").set(idle)
        self._connections_max.set(most)

    def read(self, seconds: float) -> None:
        """Observe a read of the database."""
        self._database["read"].observe(seconds)
        if seconds >= SLOW_S and self._slow:
            self._slow("read", seconds)

    def commit(self, writes: int, waiting: int, seconds: float) -> None:
        """Observe a transaction: its writes, the waiting writes, and its duration."""
        self._batches.observe(writes)
        self._waiting.set(waiting)
        self._database["write"].observe(seconds)
        if seconds >= SLOW_S and self._slow:
            self._slow("write", seconds)
