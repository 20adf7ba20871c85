"""The loop of a worker: looks for jobs that no worker has, and does them one after the other."""

import signal
import threading
from types import FrameType

from structlog.typing import FilteringBoundLogger

from service.domain.errors import Unavailable
from service.observability.metrics.jobs import JobMetrics
from service.settings import Settings
from service.store.database import Database
from service.store.jobs.leases import SQLWork
from service.store.purging import Purge
from service.usecases.ports import system_clock
from service.usecases.working import Worker
from service.worker.reporter import Reporter
from service.worker.upkeep import Upkeep

DAY_MS = 24 * 60 * 60 * 1000
POLL_S = 0.4
"""How often a worker that has nothing to do looks for jobs: a first one begins within 0.5 s."""
RETRY_S = 1.0
"""How long a worker rests where the database cannot be had."""


class JobLoop:
    """Does jobs until it is told to stop.

    Args:
        database: Has the jobs.
        settings: They say how long ended jobs are kept.
        log: Gets a line for what happens to a job.
        metrics: Counts it.
    """

    def __init__(
        self, database: Database, settings: Settings, log: FilteringBoundLogger, metrics: JobMetrics
    ) -> None:
        self._database, self._log = database, log
        self._stop = threading.Event()
        purge = Purge(database, round(settings.job_retention_days * DAY_MS))
        self._upkeep = Upkeep(lambda: purge.step(system_clock()), self._stop.wait, log)
        self._worker = Worker(
            SQLWork(database), Reporter(log, metrics), self._stop.wait, upkeep=self._upkeep.some
        )

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; the chunk in hand is finished."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        try:
            while not self._stop.is_set():
                self._look()
                self._upkeep.some()
        finally:
            self._database.close()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _look(self) -> None:
        """Do a job, or rest where there is none, or where the database cannot be had."""
        try:
            if not self._worker.do_due():
                self._stop.wait(POLL_S)
        except Unavailable as error:
            self._log.warning("jobs_unavailable", exc_info=error)
            self._stop.wait(RETRY_S)
