"""The one place where everything is wired."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from flask import Flask
from structlog.typing import FilteringBoundLogger

from service.api.arrival import receive, refuse_odd_slashes
from service.api.express import Express
from service.api.limits import RateLimits, build_limits
from service.api.misses import Misses
from service.api.openapi.document import operations_of
from service.api.openapi.routes import serve_docs
from service.api.operation import PlainRule
from service.api.pagination import Cursors
from service.api.problems.writer import write_problems
from service.api.transfers import Transfers
from service.api.views.brands import brand_views
from service.api.views.codes import code_views
from service.api.views.discount import discount_views
from service.api.views.exports import export_views
from service.api.views.imports import ImportParts, import_views
from service.api.views.jobs import job_views
from service.api.views.problem_pages import problem_pages
from service.api.views.reservations import reservation_views
from service.auth.authentication import recognition, require_tokens
from service.auth.caller import Caller
from service.auth.keys.file_watcher import Watched
from service.auth.keys.loading import cursor_key, pseudonym_key
from service.auth.keys.providers import KeyRing, open_keyring
from service.auth.tokens import Verifier
from service.observability.drain import Drain
from service.observability.logging import build_logger
from service.observability.metrics.instruments import Metrics
from service.observability.probes import Probes, Readiness, probe_routes
from service.observability.request_log import Pseudonyms, RequestObserver, current_record
from service.observability.slow_log import SlowLog
from service.settings import Settings, SettingsError
from service.store.database import Database
from service.store.engines import open_database, reservations_in
from service.store.extension import DatabaseExtension
from service.store.imports.budgets import Budgets
from service.store.imports.files import SQLImports
from service.store.jobs.repository import SQLJobs
from service.store.repositories.exports import SQLExports
from service.store.repositories.store import SQLStore
from service.store.schema import why_not_ready
from service.store.signals import Signals

if TYPE_CHECKING:
    from service.observability.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Parts:
    """What the ways in need of an application beside HTTP."""

    store: SQLStore
    jobs: SQLJobs
    imports: SQLImports
    database: Database
    metrics: Metrics
    observer: RequestObserver
    drain: Drain
    readiness: Readiness
    log: FilteringBoundLogger
    keyring: KeyRing
    express: Express
    tracing: "Tracing | None"


def parts_of(app: Flask) -> Parts:
    """Return the parts of an application."""
    parts: Parts = app.extensions["discount"]
    return parts


def create_app(
    settings: Settings, log_stream: TextIO | None = None, signals: Signals | None = None
) -> Flask:
    """Build the application; no database and no port is opened yet.

    Args:
        settings: What the environment says.
        log_stream: Where log lines go, by default standard output.
        signals: How callers of the store wait, where not all of them are threads.

    Raises:
        SettingsError: The keys cannot be used, or another setting.
    """
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # an empty name is an error, not another path
    app.url_rule_class = PlainRule
    log = build_logger(settings, log_stream)
    metrics = Metrics(SlowLog(log))
    database = open_database(settings, metrics, signals=signals)
    DatabaseExtension(database).init_app(app)
    store = SQLStore(database, reservations_in(database))
    jobs = SQLJobs(database)
    keyring = open_keyring(settings, log)
    verifier = Verifier(keyring, settings.jwt_issuer, settings.jwt_audience)
    secret_key = Watched(
        lambda: pseudonym_key(settings),
        {"DISCOUNT_PSEUDONYM_KEY_FILE": settings.pseudonym_key_file},
        log,
    )
    misses = Misses(settings.miss_limit, metrics)
    cursors = Cursors(cursor_key(settings))  # those that are under way outlive a change of the key

    write_problems(app, log, metrics)
    receive(app)
    recognise = recognition(verifier, _reception(build_limits(settings, log)))
    require_tokens(app, recognise)
    refuse_odd_slashes(app)
    app.register_blueprint(discount_views(store, metrics))
    app.register_blueprint(reservation_views(store, metrics))
    app.register_blueprint(code_views(store, metrics, cursors, misses))
    app.register_blueprint(job_views(jobs, cursors))
    app.register_blueprint(brand_views(store, cursors))
    transfers = Transfers(settings.threads, settings.transfer_timeout_s)
    app.register_blueprint(export_views(SQLExports(database), transfers))
    budgets = Budgets(settings.import_brand_budget_bytes, settings.import_total_budget_bytes)
    imports = SQLImports(database, budgets)
    limit = settings.import_max_bytes
    import_parts = ImportParts(imports, jobs, transfers, limit, misses)
    app.register_blueprint(import_views(import_parts))
    app.register_blueprint(problem_pages())
    drain = Drain()
    readiness = Readiness(
        {"drain": drain.why_not_ready},
        {
            "keys": lambda: None if keyring.current() else "unavailable",
            "database": database.why_not_ready,
            "tables": lambda: why_not_ready(database),
        },
        log,
    )
    app.register_blueprint(probe_routes())
    serve_docs(app)
    tracing = _tracing(settings, database)
    express = Express(Probes(app.wsgi_app, readiness), operations_of(app), recognise)
    observer = RequestObserver(express, Pseudonyms(secret_key), metrics, log, tracing)
    app.wsgi_app = observer  # type: ignore[method-assign]
    app.extensions["discount"] = Parts(
        store=store,
        jobs=jobs,
        imports=imports,
        database=database,
        metrics=metrics,
        observer=observer,
        drain=drain,
        readiness=readiness,
        log=log,
        keyring=keyring,
        express=express,
        tracing=tracing,
    )
    return app


def _tracing(settings: Settings, database: Database) -> "Tracing | None":
    """Return what sends traces, if there is somebody to take them.

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
    tracing = Tracing(settings.otlp_endpoint, "postgresql" if settings.on_postgresql else "sqlite")
    database.trace(tracing.round_trip)
    return tracing


def _reception(limits: RateLimits | None) -> Callable[[Caller], None]:
    """Return what happens to each caller that the guard has recognised."""

    def receive_caller(caller: Caller) -> None:
        current_record().caller = caller.subject
        if limits:
            limits.admit(caller)

    return receive_caller
