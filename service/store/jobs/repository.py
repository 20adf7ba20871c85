"""The jobs of callers."""

from sqlalchemy import select

from service.domain.jobs import Job
from service.domain.model import Page
from service.store.jobs.rows import COLUMNS, OF_POOL, as_job, find_job
from service.store.repositories.pools import find_pool
from service.store.tables import job
from service.store.transaction import SQLWrites


class SQLJobs(SQLWrites):
    """Implements `service.usecases.ports.jobs.Jobs`, which documents the methods."""

    def find(self, brand: str, campaign: str, job_id: str) -> Job:
        with self._database.read() as connection:
            return find_job(connection, find_pool(connection, brand, campaign), job_id)

    def page(self, brand: str, campaign: str, after: str | None, limit: int) -> Page[Job]:
        statement = select(*COLUMNS).where(*OF_POOL).order_by(job.c.id.desc()).limit(limit + 1)
        if after is not None:
            statement = statement.where(job.c.id < after)
        with self._database.read() as connection:
            pool = find_pool(connection, brand, campaign)
            rows = connection.execute(statement, pool._asdict()).all()
        return Page([as_job(row) for row in rows[:limit]], more=len(rows) > limit)
