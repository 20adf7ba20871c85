"""Figures about open jobs for scrapes, as this process has observed them."""

import time
from collections.abc import Callable

from sqlalchemy import select

from service.domain.jobs import JobState
from service.store.database import Database
from service.store.jobs.due import BEAT, OPEN
from service.store.tables import job
from service.usecases.heartbeats import HeartbeatMonitor
from service.usecases.keys import JobKey
from service.usecases.ports.jobs import OpenJobCounts
from service.usecases.ports.work import LEASE_S

_PROGRESS = (job.c.done, job.c.failed, job.c.cursor)
_OPEN = select(job.c.brand_id, job.c.id, job.c.state, *BEAT, *_PROGRESS).where(OPEN)


class OpenJobs:
    """Waiting times of open jobs, by the clock of this process alone.

    The clock of the process that created a job's row may differ.

    Args:
        database: The database of the jobs.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._jobs = HeartbeatMonitor[JobKey](clock=clock)
        self._progress = HeartbeatMonitor[JobKey](clock=clock)

    def count(self) -> OpenJobCounts:
        """Return their numbers and waiting times."""
        with self._database.read() as connection:
            rows = {JobKey(*row[:2]): row for row in connection.execute(_OPEN)}
        beats = {key: tuple(row[2 : -len(_PROGRESS)]) for key, row in rows.items()}
        still = self._jobs.observe_all(beats)
        progress = {
            key: tuple(row[-len(_PROGRESS) :])
            for key, row in rows.items()
            if row.state == JobState.RUNNING
        }
        stalled = self._progress.observe_all(progress).values()
        queued = [still[key] for key, row in rows.items() if row.state == JobState.QUEUED]
        overdue = [
            still[key] - (LEASE_S if row.lease else 0.0)
            for key, row in rows.items()
            if row.state != JobState.QUEUED
        ]
        return OpenJobCounts(
            len(queued),
            len(overdue),
            oldest_queued_s=max([0.0, *queued]),
            overdue_s=max([0.0, *overdue]),
            stalled_s=max([0.0, *stalled]),
        )
