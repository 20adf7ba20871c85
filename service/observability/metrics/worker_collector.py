"""Metrics of worker processes, as their master sees them.

So a busy, swapped-out or hanging worker is visible as well. There is no series for each worker:
their ids would be new labels after every restart.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.observability.metrics.worker_vitals import STALE_S, Vitals

_ENDED_STATES = {"Z", "X"}
"""States of a process that has ended and was not waited for (proc(5))."""


class WorkerProcess(NamedTuple):
    """A worker process of the server."""

    pid: int
    heartbeat_at: float
    """The time of its last heartbeat, by `time.monotonic`."""
    vitals: Vitals

    def hangs(self, now: float) -> bool:
        """Return whether its event loop or its report stands still: it answers no probe."""
        return now - min(self.heartbeat_at, self.vitals.sampled_at) > STALE_S


class WorkerCollector(Collector):
    """A collector that observes the worker processes from outside, at each scrape.

    Args:
        workers: Returns the worker processes that the server has not waited for.
        ended: Returns how many workers have ended.
        checks: The names of the readiness checks.
    """

    def __init__(
        self,
        workers: Callable[[], Sequence[WorkerProcess]],
        ended: Callable[[], int],
        checks: Sequence[str],
    ) -> None:
        self._workers, self._ended, self._checks = workers, ended, checks

    def reports_failure(self, check: str) -> bool:
        """Return whether a readiness check has failed in a worker process that does not hang."""
        position, now = self._checks.index(check), time.monotonic()
        return any(
            each.vitals.reported and not each.hangs(now) and not each.vitals.passes(position)
            for each in self._workers()
        )

    def collect(self) -> Iterator[Metric]:
        """Yield what is known."""
        workers, now = self._workers(), time.monotonic()
        running = sum(is_running(worker.pid) for worker in workers)
        yield _gauge("discount_workers", "Running worker processes.", running)
        yield CounterMetricFamily(
            "discount_workers_ended",
            "Worker processes that have ended since the server started.",
            value=self._ended(),
        )
        if workers:
            yield _gauge(
                "discount_worker_heartbeat_age_seconds",
                "Time since the oldest last heartbeat of a worker process.",
                max(max(0.0, now - worker.heartbeat_at) for worker in workers),
            )
        yield from self._calls([worker.vitals for worker in workers], now)
        yield self._readiness(workers, now)
        yield from _sizes([worker.pid for worker in workers])

    def _calls(self, workers: Sequence[Vitals], now: float) -> Iterator[Metric]:
        yield _gauge(
            "discount_oldest_call_seconds",
            "Age of the oldest call that has no answer yet.",
            max((each.oldest_call_at(now) for each in workers), default=0.0),
        )
        yield _gauge(
            "discount_calls_in_flight",
            "Calls that have no answer yet.",
            sum(each.calls for each in workers),
        )
        yield _gauge(
            "discount_connections_open",
            "Open connections of clients.",
            sum(each.connections for each in workers),
        )
        yield _gauge(
            "discount_connections_max",
            "Maximum number of these connections.",
            sum(each.most_connections for each in workers),
        )
        if redis := [each.redis for each in workers if each.redis]:
            yield _gauge(
                "discount_redis_up",
                "1 if Redis answers every worker process, else 0.",
                min(redis) > 0,
            )

    def _readiness(self, workers: Sequence[WorkerProcess], now: float) -> Metric:
        family = GaugeMetricFamily(
            "discount_readiness_check",
            "1 if the readiness check passed in every worker process, else 0.",
            labels=["check"],
        )
        answers = bool(workers) and not any(worker.hangs(now) for worker in workers)
        for position, name in enumerate(self._checks):
            passed = answers and all(worker.vitals.passes(position) for worker in workers)
            family.add_metric([name], passed)
        return family


def _sizes(pids: Sequence[int]) -> Iterator[Metric]:
    """Yield the memory of the largest process, and the files of the one nearest to its limit."""
    if sizes := [size for pid in pids if (size := resident_bytes(pid))]:
        yield _gauge(
            "discount_worker_resident_bytes",
            "Resident memory of the largest worker process.",
            max(sizes),
        )
    if files := [found for pid in pids if (found := open_files(pid))]:
        most = max(files, key=lambda each: each[0] / each[1])
        yield _gauge(
            "discount_worker_open_files",
            "Open files of the worker process that is nearest to its limit.",
            most[0],
        )
        yield _gauge("discount_worker_open_files_max", "Limit of open files there.", most[1])


def is_running(pid: int) -> bool:
    """Return whether a child runs: one that has ended may not have been waited for."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    except OSError:
        return not Path("/proc/self/stat").exists()  # not on Linux: believe the server
    return status.rpartition(") ")[2][:1] not in _ENDED_STATES


def resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process, `None` if it is unknown (not on Linux)."""
    with suppress(OSError):
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return None


def open_files(pid: int) -> tuple[int, int] | None:
    """Return the number of a process' open files, and its limit; `None` if it is unknown."""
    with suppress(OSError, ValueError):
        count = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        for line in Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines():
            if line.startswith("Max open files"):
                return count, int(line.split()[3])
    return None


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
