"""Wiring of the metrics server."""

from collections.abc import Callable, Sequence
from pathlib import Path

from service.container.services import Services
from service.observability.metrics.database_collector import (
    KeysCollector,
    StoreCollector,
    StoreMonitor,
)
from service.observability.metrics.exposition import MetricsServer
from service.observability.metrics.process_collectors import BuildCollector, WorkerCollector


def build_metrics_server(
    services: Services,
    counters: Path,
    *,
    worker_pids: Callable[[], Sequence[int]],
    ended: Callable[[], int],
) -> MetricsServer:
    """Build the server of the metrics of all processes.

    Args:
        services: The services of the master process.
        counters: The folder of the counters that processes share.
        worker_pids: Returns the ids of the worker processes.
        ended: Returns how many workers have ended.
    """
    status, log = services.storage.status, services.log
    watch = StoreMonitor(status, log)
    collectors = [
        StoreCollector(watch.query, status.wanted_revision()),
        KeysCollector(services.keyring.stale_s),
        BuildCollector(),
        WorkerCollector(worker_pids, ended),
    ]
    return MetricsServer(
        services.settings, counters, watch, collectors, log, services.metrics.log_lines
    )
