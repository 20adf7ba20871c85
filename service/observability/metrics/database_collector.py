"""Metrics of the database at the time of a scrape: status, levels, space and jobs.

The database is queried in a separate thread with a timeout: Prometheus gives up on a slow scrape,
and would then lose all other metrics as well.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from structlog.typing import FilteringBoundLogger

from service.domain.jobs import JobState
from service.domain.model import DiskSpace, Levels
from service.usecases.ports.jobs import OpenJobCounts

QUERY_TIMEOUT_S = 0.7
"""How long a scrape waits for the database; a whole scrape may take a second."""
FRESH_S = 60.0
"""How long a late answer is valid: until the next scrape, at the usual interval."""
JOB_WAITS_S = 15.0
"""Waiting time after which a job should have a worker, even after a worker has died."""

SWEEPER_LATE_S = 60.0
"""How long counts may trail behind the ends of reservations."""


class DatabaseStatus(Protocol):
    """The source of the metrics."""

    def why_not_ready(self) -> str | None:
        """Return in a word or two why the database is not ready, or `None`."""

    def revision(self) -> int:
        """Return the revision of the tables, 0 if there are none."""

    def wanted_revision(self) -> int:
        """Return the revision that this version needs."""

    def levels(self) -> Levels:
        """Return the levels of campaigns."""

    def sweeper_lag_s(self) -> float:
        """Return the seconds for which a code whose reservation is over has been due."""

    def room(self) -> DiskSpace | None:
        """Return the available space; `None` if it is unknown."""

    def wal_bytes(self) -> int | None:
        """Return the size of SQLite's write-ahead log; `None` on another engine."""

    def last_backup(self) -> float | None:
        """Return the Unix time of SQLite's last backup, 0 without one; `None` on another engine."""

    def open_jobs(self) -> OpenJobCounts:
        """Return the figures about open jobs."""

    def close(self) -> None:
        """Close all connections."""


@dataclass(slots=True)
class StoreMetrics:
    """The metrics of one query; `None` for unknown ones."""

    up: bool = False
    revision: int | None = None
    levels: Levels | None = None
    sweeper_lag_s: float | None = None
    room: DiskSpace | None = None
    wal_bytes: int | None = None
    last_backup: float | None = None
    jobs: OpenJobCounts | None = None


class StoreMonitor:
    """A monitor that queries the store, and logs what is wrong.

    Args:
        store: The store, which is closed after each query.
        log: Logs problems.
        within_s: The timeout of a query.
    """

    def __init__(
        self, store: DatabaseStatus, log: FilteringBoundLogger, within_s: float = QUERY_TIMEOUT_S
    ) -> None:
        self.busy = threading.Lock()
        """Held during a query, which may last longer than its timeout."""
        self._store = store
        self._log = log
        self._within_s = within_s
        self._done = threading.Event()
        self._last = StoreMetrics()
        self._last_at = -math.inf

    def query(self) -> StoreMetrics:
        """Return the metrics of the store; after the timeout, those of the previous query.

        So a slow store is not considered down. Only one caller at a time.
        """
        if self.busy.acquire(blocking=False):
            self._done = threading.Event()
            threading.Thread(target=self._ask, args=[self._done], daemon=True).start()
        self._done.wait(self._within_s)
        fresh = time.monotonic() - self._last_at < FRESH_S
        return self._last if fresh else StoreMetrics()

    def _ask(self, done: threading.Event) -> None:
        found = StoreMetrics()
        try:
            with closing(self._store):
                self._fill(found)
        except Exception as error:  # noqa: BLE001 - it must not hide all other numbers
            self._log.warning("database_unavailable", reason=None, exc_info=error)
        finally:
            self._last, self._last_at = found, time.monotonic()
            done.set()
            self.busy.release()

    def _fill(self, found: StoreMetrics) -> None:
        """Query everything.

        Raises:
            Exception: The store cannot answer.
        """
        reason = self._store.why_not_ready()
        if reason:
            self._log.warning("database_unavailable", reason=reason)
        found.up = reason is None
        found.revision = self._store.revision()
        wanted = self._store.wanted_revision()
        if found.revision < wanted:
            self._log.warning("migration_missing", revision=found.revision, wanted=wanted)
        if found.revision:
            found.room = self._store.room()
            found.wal_bytes = self._store.wal_bytes()
            found.last_backup = self._store.last_backup()
            found.levels = self._store.levels()
            found.jobs = self._store.open_jobs()
            self._log_waiting_jobs(found.jobs)
            found.sweeper_lag_s = self._store.sweeper_lag_s()
            if found.sweeper_lag_s > SWEEPER_LATE_S:
                self._log.warning("sweeper_late", seconds=round(found.sweeper_lag_s, 1))

    def _log_waiting_jobs(self, jobs: OpenJobCounts) -> None:
        if max(jobs.oldest_queued_s, jobs.overdue_s) > JOB_WAITS_S:
            self._log.warning(
                "jobs_wait",
                queued=jobs.queued,
                running=jobs.running,
                oldest_queued_s=jobs.oldest_queued_s,
                overdue_s=jobs.overdue_s,
            )


class StoreCollector(Collector):
    """A collector of the store's metrics; unknown ones are omitted, and become stale.

    Args:
        look: Returns the metrics.
        wanted_revision: The revision of the tables that this version needs.
        workers_fail: Returns whether the database fails the readiness check of a worker process,
            which has a deadline.
    """

    def __init__(
        self,
        look: Callable[[], StoreMetrics],
        wanted_revision: int,
        workers_fail: Callable[[], bool] = lambda: False,
    ) -> None:
        self._look, self._wanted, self._workers_fail = look, wanted_revision, workers_fail

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Query the store, and yield the gauges."""
        now = self._look()
        yield _gauge(
            "discount_database_up",
            "1 if the database confirms that it can serve calls, else 0.",
            now.up and not self._workers_fail(),
        )
        yield _gauge(
            "discount_schema_revision_wanted", "Revision that this version needs.", self._wanted
        )
        if now.revision is not None:
            yield _gauge("discount_schema_revision", "Revision of the tables.", now.revision)
        if now.levels is not None:
            yield from _show_levels(now.levels)
        if now.sweeper_lag_s is not None:
            yield _gauge(
                "discount_sweeper_lag_seconds",
                "Longest time for which a code whose reservation is over has not been swept.",
                now.sweeper_lag_s,
            )
        if now.room is not None:
            yield from _show_room(now.room)
        if now.wal_bytes is not None:
            yield _gauge("discount_wal_bytes", "Size of SQLite's write-ahead log.", now.wal_bytes)
        if now.last_backup is not None:
            yield _gauge(
                "discount_last_backup_timestamp_seconds",
                "Unix time of the last backup of the SQLite file; 0 without one.",
                now.last_backup,
            )
        if now.jobs is not None:
            yield from _show_jobs(now.jobs)


class KeysCollector(Collector):
    """A collector of the time since which the keys could not be refreshed."""

    def __init__(self, stale_s: Callable[[], float]) -> None:
        """Collect the seconds that `stale_s` returns."""
        self._stale_s = stale_s

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauge."""
        text = "Time for which the keys could not be fetched, or read from a changed file."
        yield _gauge("discount_keys_stale_seconds", text, self._stale_s())


def _show_levels(levels: Levels) -> Iterator[GaugeMetricFamily]:
    names = ["brand", "campaign"]
    available = GaugeMetricFamily(
        "discount_codes_available", "Codes that can be reserved.", labels=names
    )
    taken = GaugeMetricFamily(
        "discount_codes_taken",
        "Codes of the same campaigns that cannot be reserved any more.",
        labels=names,
    )
    for level in levels.shown:
        available.add_metric([level.brand, level.campaign], level.available)
        taken.add_metric([level.brand, level.campaign], level.taken)
    yield available
    yield taken
    yield _gauge("discount_pools", "Number of campaigns.", levels.pools)
    yield _gauge("discount_pools_left_out", "Campaigns whose codes are not shown.", levels.left_out)
    yield _gauge(
        "discount_all_codes_available",
        "Codes of all campaigns, shown or not, that can be reserved.",
        levels.available,
    )
    yield _gauge(
        "discount_all_codes_taken",
        "Codes of all campaigns that cannot be reserved any more.",
        levels.taken,
    )


def _show_room(room: DiskSpace) -> Iterator[GaugeMetricFamily]:
    yield _gauge("discount_disk_free_bytes", "Free space on the disk of the database.", room.disk)
    yield _gauge(
        "discount_disk_reusable_bytes",
        "Deleted space inside the SQLite file, which is reused before the file grows.",
        room.reusable,
    )
    yield _gauge("discount_disk_reserve_bytes", "Space reserved for reservations.", room.reserve)
    yield _gauge("discount_disk_low", "1 while less than the reserve is free.", room.low)


def _show_jobs(jobs: OpenJobCounts) -> Iterator[GaugeMetricFamily]:
    family = GaugeMetricFamily(
        "discount_jobs_open", "Jobs that are queued or running.", labels=["state"]
    )
    family.add_metric([JobState.QUEUED], jobs.queued)
    family.add_metric([JobState.RUNNING], jobs.running)
    yield family
    yield _gauge(
        "discount_jobs_oldest_queued_seconds",
        "Longest time for which a queued job has been seen waiting.",
        jobs.oldest_queued_s,
    )
    yield _gauge(
        "discount_jobs_overdue_seconds",
        "Time for which a running job has been seen without a worker.",
        jobs.overdue_s,
    )
    yield _gauge(
        "discount_jobs_stalled_seconds",
        "Longest time for which a running job has been seen without progress.",
        jobs.stalled_s,
    )


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
