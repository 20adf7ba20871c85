"""Metrics of the database at the time of a scrape: status, levels, space and jobs."""

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.domain.jobs import JobState
from service.domain.model import DiskSpace, Levels
from service.observability.metrics.database_monitor import StoreMetrics
from service.usecases.ports.jobs import OpenJobCounts


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
