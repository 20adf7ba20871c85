"""The loop of a worker: does what the queue says, and while it says nothing looks for jobs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from structlog.typing import FilteringBoundLogger

from service.domain.errors import Unavailable
from service.observability.job_metrics import JobMetrics
from service.settings import Settings
from service.store.database import Database
from service.store.jobs.announcing import announcer
from service.store.jobs.leases import SQLWork
from service.store.jobs.queue import JobQueue
from service.store.purging import Purge
from service.usecases.job_ports import JobKey
from service.usecases.ports import system_clock
from service.usecases.working import Worker
from service.worker.reporter import Reporter
from service.worker.upkeep import Upkeep

DAY_MS = 24 * 60 * 60 * 1000
OVERDUE_EVERY_S = 1.0
"""How often a worker that has nothing to do looks for jobs that no message told it of."""


class JobLoop:
    """Does what the queue says, and while it says nothing looks for jobs that it forgot.

    Args:
        database: Has the jobs.
        settings: They say where the queue is.
        log: Hears what happens.
        metrics: Counts it.
    """

    def __init__(
        self, database: Database, settings: Settings, log: FilteringBoundLogger, metrics: JobMetrics
    ) -> None:
        self._log = log
        self._database = database
        self._queue = JobQueue(settings, self._do)
        self._consumer = self._queue.consumer(self._idle)
        announce = announcer(self._queue.put, log)
        reporter = Reporter(log, metrics)
        stopped = self._consumer.stop_flag.wait
        purge = Purge(database, round(settings.job_retention_days * DAY_MS))
        self._upkeep = Upkeep(lambda: purge.step(system_clock()), stopped, log)
        self._worker = Worker(
            SQLWork(database), announce, reporter, stopped, upkeep=self._upkeep.some
        )
        self._next_look = 0.0

    def run(self) -> None:
        """Work until SIGTERM or SIGINT."""
        try:
            self._consumer.run()
        finally:
            self._queue.close()
            self._database.close()

    def _do(self, key: JobKey) -> None:
        """Do a job, and then those that have waited longer than what the queue says next."""
        with self._reporting():
            self._worker.do(key)
            self._upkeep.some()
            while not self._consumer.stop_flag.is_set() and self._worker.do_overdue():
                self._upkeep.some()

    def _idle(self) -> None:
        if time.monotonic() < self._next_look:
            return
        with self._reporting():
            self._worker.do_overdue()
        self._upkeep.some()
        self._next_look = time.monotonic() + OVERDUE_EVERY_S

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Go on when the database cannot be had: the row of the job is still there."""
        try:
            yield
        except Unavailable as error:
            self._log.warning("jobs_unavailable", exc_info=error)
