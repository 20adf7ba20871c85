"""A worker's report about itself, every second, for the metrics of its master."""

import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from service.container.services import Services
from service.observability.metrics.worker_vitals import SharedVitals, Vitals, ready_bits

INTERVAL_S = 1.0


class ReportingWorker(Protocol):
    """A worker that reports."""

    vitals: SharedVitals
    services: Services
    nr_conns: int
    worker_connections: int

    def unanswered_calls(self) -> Sequence[tuple[int, float]]:
        """Return the numbers of unanswered calls, and when the oldest ones arrived."""


def keep_reporting(worker: ReportingWorker) -> None:
    """Start a thread that reports until the process ends; it waits for no lock of others."""

    def report() -> None:
        while True:
            with suppress(Exception):  # another thread interfered: the next report is due soon
                worker.vitals.write(vitals_of(worker))
            time.sleep(INTERVAL_S)

    threading.Thread(target=report, name="vitals", daemon=True).start()


def vitals_of(worker: ReportingWorker) -> Vitals:
    """Return the vitals of a worker."""
    services, now = worker.services, time.monotonic()
    found = worker.unanswered_calls()
    oldest = min(arrived for _, arrived in found)
    results = services.readiness.results()
    return Vitals(
        sampled_at=now,
        oldest_call_s=0.0 if oldest == math.inf else max(0.0, now - oldest),
        calls=sum(calls for calls, _ in found),
        connections=worker.nr_conns,
        most_connections=worker.worker_connections,
        ready=ready_bits([words == "ok" for words in results.values()]),
        redis=_redis(services.limits.is_shared if services.limits else None),
    )


def _redis(shared: bool | None) -> int:  # noqa: FBT001 - it is what the number says
    if shared is None:
        return 0
    return 1 if shared else -1
