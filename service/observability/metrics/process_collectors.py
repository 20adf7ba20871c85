"""Collectors of the own process: version, and dropped log lines."""

import platform
import time
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
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
        family = GaugeMetricFamily(
            "discount_build_info", "Always 1; the running version.", labels=list(build)
        )
        family.add_metric(list(build.values()), 1)
        yield family
        yield GaugeMetricFamily(
            "discount_start_time_seconds",
            "Start time of the server or job worker, in Unix time.",
            value=self._started,
        )


class LogCollector(Collector):
    """A collector of this process's dropped log lines, for a server with a single process."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counter."""
        yield CounterMetricFamily(
            "discount_log_lines_dropped", LOG_LINES_DROPPED, value=DROPPED.total
        )
