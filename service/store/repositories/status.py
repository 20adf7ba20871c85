"""Status of the database for scrapes."""

from service.domain.model import DiskSpace, Levels
from service.settings import DEFAULT_METRICS_POOLS
from service.store.database import Database
from service.store.jobs.open import OpenJobs
from service.store.migrations.current import current_revision
from service.store.migrations.revisions import newest_revision
from service.store.repositories.levels import PoolLevels
from service.store.repositories.sweeper_lag import SweeperLag
from service.usecases.ports.clock import system_clock
from service.usecases.ports.jobs import OpenJobCounts


class SQLStatus:
    """Implements `metrics.database_monitor.DatabaseStatus`, which documents the methods."""

    def __init__(self, database: Database, pools: int = DEFAULT_METRICS_POOLS) -> None:
        """Query `database`, and show the levels of so many campaigns."""
        self._database = database
        self._levels = PoolLevels(pools)
        self._open_jobs = OpenJobs(database)
        self._sweeper_lag = SweeperLag()

    def why_not_ready(self) -> str | None:
        return self._database.why_not_ready()

    def revision(self) -> int:
        with self._database.read() as connection:
            found = current_revision(connection) or ""
        return int(found) if found.isdecimal() else 0

    def wanted_revision(self) -> int:
        return int(newest_revision())

    def levels(self) -> Levels:
        with self._database.read() as connection:
            return self._levels.observe(connection, system_clock())

    def sweeper_lag_s(self) -> float:
        with self._database.read() as connection:
            return self._sweeper_lag.observe(connection, system_clock())

    def room(self) -> DiskSpace | None:
        return self._database.reserve.measure()

    def wal_bytes(self) -> int | None:
        return self._database.wal_bytes()

    def last_backup(self) -> float | None:
        return self._database.last_backup()

    def open_jobs(self) -> OpenJobCounts:
        return self._open_jobs.count()

    def close(self) -> None:
        self._database.close()
