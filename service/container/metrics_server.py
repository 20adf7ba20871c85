"""Wiring of the metrics server."""

from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import ProcessCollector
from prometheus_client.multiprocess import MultiProcessCollector

from service.container.services import Services
from service.container.storage import DATABASE_CHECK
from service.observability.metrics.database_collector import KeysCollector, StoreCollector
from service.observability.metrics.database_monitor import StoreMonitor
from service.observability.metrics.ended_counters import merge_ended
from service.observability.metrics.exhausted_pools import ExhaustedCollector
from service.observability.metrics.exposition import MetricsServer
from service.observability.metrics.process_collectors import BuildCollector
from service.observability.metrics.worker_collector import WorkerCollector, WorkerProcess


def build_metrics_server(
    services: Services,
    counters: Path,
    *,
    workers: Callable[[], Sequence[WorkerProcess]],
    ended: Callable[[], int],
) -> MetricsServer:
    """Build the server of the metrics of all processes.

    Args:
        services: The services of the master process.
        counters: The folder of the counters that processes share.
        workers: Returns the worker processes.
        ended: Returns how many workers have ended.
    """
    status, log = services.storage.status, services.log
    watch = StoreMonitor(status, log)
    exhausted = ExhaustedCollector(counters, services.settings.metrics_pools)
    of_workers = WorkerCollector(workers, ended, services.readiness.names)
    collectors = [
        MultiProcessCollector(None, str(counters)),  # type: ignore[no-untyped-call]
        StoreCollector(
            watch.query,
            status.wanted_revision(),
            lambda: of_workers.reports_failure(DATABASE_CHECK),
        ),
        KeysCollector(services.keyring.stale_s),
        exhausted,
        BuildCollector(),
        ProcessCollector(registry=None),
        of_workers,
    ]

    def forget(pid: int) -> None:
        merge_ended(counters, pid)
        exhausted.forget(pid)

    return MetricsServer(
        services.settings, watch, collectors, log, services.metrics.log_lines, forget
    )
