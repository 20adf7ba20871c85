"""Collectors of processes: version, workers, and dropped log lines."""

import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service import __version__
from service.observability.log_output import DROPPED
from service.observability.metrics.instruments import LOG_LINES_DROPPED


class BuildCollector(Collector):
    """A collector of the version and the start time."""

    def __init__(self) -> None:
        self._started = time.time()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges; the library's Info does not support several processes."""
        build = {"version": __version__, "python": platform.python_version()}
        family = GaugeMetricFamily("discount_build_info", "Running version.", labels=list(build))
        family.add_metric(list(build.values()), 1)
        yield family
        yield GaugeMetricFamily(
            "discount_start_time_seconds", "Start time, Unix time.", value=self._started
        )


class LogCollector(Collector):
    """A collector of this process's dropped log lines, for a server with a single process."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counter."""
        yield CounterMetricFamily(
            "discount_log_lines_dropped", LOG_LINES_DROPPED, value=DROPPED.total
        )


class WorkerCollector(Collector):
    """A collector that observes the worker processes from outside, at each scrape.

    So a busy or swapped-out worker is visible as well. There is no series for each worker: their
    ids would be new labels after every restart.
    """

    def __init__(
        self, workers: Callable[[], Iterable[int]], ended: Callable[[], int] = lambda: 0
    ) -> None:
        """Observe the given process ids, and the number of ended workers."""
        self._workers = workers
        self._ended = ended

    def collect(self) -> Iterator[Metric]:
        """Yield the number of workers and, if known, the memory of the largest."""
        workers = list(self._workers())
        yield GaugeMetricFamily("discount_workers", "Running worker processes.", value=len(workers))
        yield CounterMetricFamily(
            "discount_workers_ended", "Worker processes that have ended.", value=self._ended()
        )
        if sizes := [size for worker in workers if (size := resident_bytes(worker))]:
            yield GaugeMetricFamily(
                "discount_worker_resident_bytes",
                "Resident memory of the largest worker process, including shared pages.",
                value=max(sizes),
            )


def resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process, `None` if it is unknown (not on Linux)."""
    with suppress(OSError):
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return None
