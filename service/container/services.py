"""The services of an application."""

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from structlog.typing import FilteringBoundLogger

from service.api.cursors import Cursors
from service.api.limits.misses import Misses
from service.api.limits.rate_limits import RateLimits, build_limits
from service.api.problems.writer import ProblemWriter
from service.api.transfers.admission import Transfers
from service.auth.caller import Authenticate
from service.auth.keys.file_watcher import WatchedFiles
from service.auth.keys.loading import cursor_key, erasure_keys, pseudonym_key
from service.auth.keys.providers import KeyRing, open_keyring
from service.auth.tokens import Verifier
from service.container.storage import Storage, build_storage, readiness_checks
from service.domain.erasure import Tombstones, tombstones_of
from service.observability.drain import Drain
from service.observability.exchange import Pseudonyms
from service.observability.logging import build_logger
from service.observability.metrics.instruments import Metrics
from service.observability.metrics.sampling import keep_sampling
from service.observability.probes import Readiness
from service.observability.request_log import RequestLog
from service.observability.slow_log import SlowLog
from service.settings import Settings, SettingsError
from service.store.database import Database
from service.store.engines import engine_of
from service.store.signals import Signals
from service.usecases.ports.imports import Budgets

if TYPE_CHECKING:
    from service.observability.tracing import Tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services of an application."""

    settings: Settings
    log: FilteringBoundLogger
    metrics: Metrics
    storage: Storage
    keyring: KeyRing
    authenticate: Authenticate
    limits: RateLimits | None
    requests: RequestLog
    problems: ProblemWriter
    cursors: Cursors
    misses: Misses
    tombstones: Tombstones
    transfers: Transfers
    drain: Drain
    readiness: Readiness
    tracing: "Tracing | None"

    def start(self) -> None:
        """Start the threads of this process; threads do not survive a fork.

        Keys come first, so that no call waits for them.
        """
        self.keyring.start()
        self.readiness.start()
        if self.limits:
            self.limits.start()
        database = self.storage.database
        keep_sampling(
            self.metrics, lambda: (database.waiting_writes, *database.connections), self.log
        )
        self.storage.store.exhausted_pools.start_flushing()
        if self.tracing:
            self.tracing.start()

    def stop(self) -> None:
        """Write the last counts, and export the last spans."""
        with suppress(OSError):  # no space: those of the last second are lost
            self.metrics.write_exhausted_pools()
        if self.tracing:
            self.tracing.stop()


def build(
    settings: Settings, *, log_stream: TextIO | None = None, signals: Signals | None = None
) -> Services:
    """Build the services of an application.

    Args:
        settings: The settings.
        log_stream: The stream of the log, by default standard output.
        signals: The signals for callers of the store, if not all are threads.

    Raises:
        SettingsError: A key, or another setting, cannot be used.
    """
    log = build_logger(settings, log_stream)
    metrics = Metrics(SlowLog(log), settings.metrics_pools)
    storage = build_storage(
        settings,
        observer=metrics,
        signals=signals,
        budgets=Budgets(settings.import_brand_budget_bytes, settings.import_total_budget_bytes),
    )
    keyring = open_keyring(settings, log)
    tracing = _tracing(settings, storage.database, metrics)
    drain = Drain()
    return Services(
        settings=settings,
        log=log,
        metrics=metrics,
        storage=storage,
        keyring=keyring,
        authenticate=Verifier(keyring, settings.jwt_issuer, settings.jwt_audience).authenticate,
        limits=build_limits(settings, log, metrics),
        requests=RequestLog(_pseudonyms(settings, log), metrics, log, tracing),
        problems=ProblemWriter(log, metrics),
        cursors=Cursors(cursor_key(settings)),  # those in use outlive a change of the key
        misses=Misses(settings.miss_limit, metrics),
        tombstones=_tombstones(settings, log),
        transfers=Transfers(settings.threads, settings.transfer_timeout_s),
        drain=drain,
        readiness=Readiness(
            {"drain": drain.why_not_ready},
            {
                "keys": lambda: None if keyring.current() else "unavailable",
                **readiness_checks(storage.database),
            },
            log,
        ),
        tracing=tracing,
    )


def _pseudonyms(settings: Settings, log: FilteringBoundLogger) -> Pseudonyms:
    files = {"DISCOUNT_PSEUDONYM_KEY_FILE": settings.pseudonym_key_file}
    return Pseudonyms(WatchedFiles(lambda: pseudonym_key(settings), files, log))


def _tombstones(settings: Settings, log: FilteringBoundLogger) -> Tombstones:
    files = {"DISCOUNT_ERASURE_KEY_FILE": settings.erasure_key_file}
    return tombstones_of(WatchedFiles(lambda: erasure_keys(settings), files, log))


def _tracing(settings: Settings, database: Database, metrics: Metrics) -> "Tracing | None":
    """Return the tracing, if a collector is configured.

    Raises:
        SettingsError: OpenTelemetry is not installed.
    """
    if settings.otlp_endpoint is None:
        return None
    try:
        from service.observability.tracing import Tracing
    except ImportError as error:
        raise SettingsError(
            "DISCOUNT_OTLP_ENDPOINT needs OpenTelemetry: pip install 'discount-service[tracing]'."
        ) from error
    kind = engine_of(settings.database_url).name
    tracing = Tracing(settings.otlp_endpoint, kind, metrics.spans_dropped)
    database.trace(tracing.round_trip)
    return tracing
