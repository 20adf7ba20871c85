"""What a scrape asks of the database."""

from collections.abc import Sequence

from service.store.database import Database
from service.store.jobs import SQLJobs
from service.store.pools import levels
from service.store.revision import newest_revision
from service.store.schema import current_revision
from service.usecases.job_ports import JobsNow
from service.usecases.ports import system_clock


class SQLStatus:
    """Implements `service.observability.state.Store`, which documents the methods."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def why_not_ready(self) -> str | None:
        return self._database.why_not_ready()

    def revision(self) -> int:
        with self._database.read() as connection:
            found = current_revision(connection) or ""
        return int(found) if found.isdecimal() else 0

    def wanted_revision(self) -> int:
        return int(newest_revision())

    def levels(self) -> Sequence[tuple[str, str, int, int]]:
        with self._database.read() as connection:
            return levels(connection)

    def open_jobs(self) -> JobsNow:
        return SQLJobs(self._database).open_jobs(system_clock())

    def close(self) -> None:
        self._database.close()
