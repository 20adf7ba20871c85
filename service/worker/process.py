"""The process of a worker, and the check of its requirements."""

from collections.abc import Callable, Sequence
from contextlib import closing

from structlog.typing import FilteringBoundLogger

from service.container.storage import build_storage, readiness_checks
from service.container.worker import build_worker
from service.observability.logging import route_stdlib_logging
from service.observability.metrics.exposition import answers_of
from service.observability.metrics.jobs import JobMetrics
from service.observability.metrics.scrape_server import ScrapeServer
from service.observability.probes import Check
from service.observability.uncaught import log_uncaught_exceptions
from service.settings import Settings, SettingsError
from service.worker.loop import JobLoop


def run_worker(settings: Settings) -> None:
    """Do jobs until SIGTERM or SIGINT; the current chunk is finished.

    Raises:
        SettingsError: A setting cannot be used.
    """
    services = build_worker(settings)
    log = services.log
    route_stdlib_logging(settings)
    log_uncaught_exceptions(log)
    serve_metrics(settings, services.metrics, log)
    log.info("worker_started")
    JobLoop(services).run()
    log.info("worker_stopped")


def what_is_missing(
    settings: Settings, name: str, explain: Callable[[Exception], str | None]
) -> Sequence[str]:
    """Return what a worker lacks, one line each.

    Args:
        settings: The settings.
        name: The name of the database.
        explain: Returns a sentence about a known exception.
    """
    with closing(build_storage(settings, threads=1).database) as database:
        checks = readiness_checks(database)
        found = [_why_not(check, name, explain) for check in checks.values()]
    return list(dict.fromkeys(why for why in found if why))


def _why_not(check: Check, name: str, explain: Callable[[Exception], str | None]) -> str | None:
    """Run a check, whose exceptions may contain secrets."""
    try:
        found = check()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not there
        return explain(error) or f"{name} cannot be used."
    return f"{name}: {found}." if found else None


def serve_metrics(settings: Settings, metrics: JobMetrics, log: FilteringBoundLogger) -> None:
    """Serve the worker's metrics, if there is a port for them.

    Raises:
        SettingsError: The port is in use.
    """
    port = settings.worker_metrics_port
    if port is None:
        return
    try:
        server = ScrapeServer(settings.host, port, answers_of(metrics.registry), log)
    except OSError as error:
        raise SettingsError(
            f"DISCOUNT_WORKER_METRICS_PORT={port} cannot be listened on: {error.strerror}."
        ) from error
    server.start()
    log.info("metrics_listening", port=port)
