"""The services of a worker process."""

from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from service.container.storage import Storage, build_storage
from service.observability.logging import build_logger
from service.observability.metrics.jobs import JobMetrics
from service.settings import Settings
from service.store.maintenance.purging import Purge
from service.store.opening import lapses_in
from service.usecases.ports.lapses import Lapses

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerServices:
    """The services of a worker process."""

    log: FilteringBoundLogger
    metrics: JobMetrics
    storage: Storage
    purge: Purge
    lapses: Lapses


def build_worker(settings: Settings) -> WorkerServices:
    """Build the services of a worker process.

    Raises:
        SettingsError: A setting cannot be used.
    """
    storage = build_storage(settings, threads=1)
    return WorkerServices(
        log=build_logger(settings),
        metrics=JobMetrics(),
        storage=storage,
        purge=Purge(storage.database, round(settings.job_retention_days * DAY_MS)),
        lapses=lapses_in(storage.database),
    )
