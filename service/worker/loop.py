"""The loop of a worker, which finds jobs and does them one after the other."""

import signal
from types import FrameType

from service.container.worker import WorkerServices
from service.domain.errors import Unavailable
from service.usecases.ports.clock import system_clock
from service.usecases.sweeping import Sweeper
from service.usecases.working import Worker
from service.worker.reporter import Reporter, SweepReporter
from service.worker.signal_event import SignalEvent
from service.worker.upkeep import Upkeep

POLL_S = 0.4
"""The polling interval of an idle worker: a first job begins within 0.5 s."""
RETRY_S = 1.0
"""The pause of a worker while the database is down."""


class JobLoop:
    """The loop that does jobs until it is stopped."""

    def __init__(self, services: WorkerServices) -> None:
        self._database, self._log = services.storage.database, services.log
        self._stop = SignalEvent()
        observer = SweepReporter(self._log, services.metrics)
        sweeper = Sweeper(services.lapses, observer)
        rest, log = self._stop.wait, self._log
        # Apart, so that a fault of one does not keep the other from its work.
        self._purging = Upkeep(
            lambda: services.purge.step(system_clock()), rest, log, self._purge_failed
        )
        self._sweeping = Upkeep(lambda: sweeper.step(system_clock()), rest, log, self._sweep_failed)
        self._worker = Worker(
            services.storage.work,
            Reporter(self._log, services.metrics),
            self._stop.wait,
            upkeep=self._upkeep,
        )

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; the current chunk is finished."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        try:
            while not self._stop.is_set():
                self._look()
                self._upkeep()
        finally:
            self._stop.close()
            self._database.close()

    def _upkeep(self) -> None:
        self._sweeping.some()
        self._purging.some()

    def _purge_failed(self, error: Exception) -> None:
        self._log.error("purge_failed", exc_info=error)

    def _sweep_failed(self, error: Exception) -> None:
        self._log.error("sweep_failed", exc_info=error)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _look(self) -> None:
        """Do a job, or pause if there is none, or if the database is down."""
        try:
            if not self._worker.do_due():
                self._stop.wait(POLL_S)
        except Unavailable as error:
            self._log.warning("jobs_unavailable", exc_info=error)
            self._stop.wait(RETRY_S)
