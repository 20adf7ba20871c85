"""What shows the metrics of a server."""

from collections.abc import Callable, Sequence
from pathlib import Path

from service.container.services import Services
from service.observability.metrics.database_collector import (
    KeysCollector,
    StoreCollector,
    StoreWatch,
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
    """Build what shows the metrics of all processes of a server.

    Args:
        services: Of the process that starts the others.
        counters: The folder of the counters that processes share.
        worker_pids: Returns the processes that answer calls.
        ended: Returns how many of them have ended.
    """
    status, log = services.storage.status, services.log
    watch = StoreWatch(status, log)
    collectors = [
        StoreCollector(watch.look, status.wanted_revision()),
        KeysCollector(services.keyring.stale_s),
        BuildCollector(),
        WorkerCollector(worker_pids, ended),
    ]
    return MetricsServer(
        services.settings, counters, watch, collectors, log, services.metrics.log_lines
    )
