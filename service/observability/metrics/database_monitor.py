"""A monitor of the database, whose answers a scrape waits for only briefly.

The database is queried in a separate thread with a timeout: Prometheus gives up on a slow scrape,
and would then lose all other metrics as well.
"""

import math
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from structlog.typing import FilteringBoundLogger

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
