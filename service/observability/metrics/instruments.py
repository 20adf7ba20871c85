"""Instruments of the application.

Every process counts in its own files below `PROMETHEUS_MULTIPROC_DIR`, which a scrape adds up.
Labels have a bounded number of values, whatever callers send.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.domain.errors import AuthRefusal, StorageRefusal
from service.observability.log_output import DROPPED

OUTCOMES = ("new", "repeated", "exhausted")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
"""The `route` of requests without a route."""
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

SLOW_S = 0.25
"""Duration of a slow database operation in seconds: a call that waits for it misses
the objective for latency."""
LOG_LINES_DROPPED = "Log lines that could not be written, or that nobody read in time."
FORESEEN_ERRORS = ("SQLITE_FULL", "SQLITE_BUSY", "53100")
"""Database errors with alerts; 53100 is PostgreSQL's full disk."""


class Metrics:
    """The metrics of one application.

    Args:
        slow: Called with each slow database operation: its name, and its duration in
            seconds.
    """

    def __init__(self, slow: Callable[[str, float], None] | None = None) -> None:
        self._slow = slow
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
        self._of_requests: dict[tuple[str, str | None, int], tuple[Counter, Histogram]] = {}
        self._created = Counter(
            "discount_codes_created",
            "Codes created.",
            registry=self.registry,
        )
        reservations = Counter(
            "discount_reservations",
            "Reservations requested: new, repeated, or exhausted (no code was left).",
            ["outcome"],
            registry=self.registry,
        )
        # Made at once, so that each is scraped as 0 before it first happens.
        self._reservations = {outcome: reservations.labels(outcome) for outcome in OUTCOMES}

        refusals = Counter(
            "discount_auth_refusals",
            "Calls that authentication or authorization rejected, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self._refusals = {reason: refusals.labels(reason.value) for reason in AuthRefusal}

        storage = Counter(
            "discount_storage_refusals",
            "Calls rejected because the database may not grow, by reason.",
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
            "Calls that failed because of the database, by its own name of the error.",
            ["error"],
            registry=self.registry,
        )
        for name in FORESEEN_ERRORS:
            self._errors.labels(name)
        database = Histogram(
            "discount_database_seconds",
            "Duration of a read with its connection, or of a write transaction with its commit.",
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
