"""The third way in: a process that does jobs, one at a time."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from flask import Flask
from structlog.typing import FilteringBoundLogger

from service.domain.errors import Unavailable
from service.domain.jobs import Job
from service.observability.exposition import answers_of
from service.observability.job_metrics import JobMetrics
from service.observability.logging import build_logger, route_stdlib_logging
from service.observability.scrapes import ScrapeServer
from service.settings import Settings, SettingsError
from service.store.announcing import announcer
from service.store.database import Database
from service.store.engines import open_database
from service.store.leases import SQLWork
from service.store.purging import Purge
from service.store.queue import JobQueue
from service.store.schema import why_not_ready
from service.usecases.job_ports import JobKey, SpaceLow, Step
from service.usecases.pacing import POLITE_REST_S
from service.usecases.ports import system_clock
from service.usecases.working import Worker

UPKEEP_S = 0.5
"""How long jobs wait while something is purged."""
DAY_MS = 24 * 60 * 60 * 1000
OVERDUE_EVERY_S = 1.0
"""How often a worker that has nothing to do looks for jobs that no message told it of."""


class Reporter:
    """Writes log lines and metrics of what a worker does.

    Args:
        log: Gets a line where a job begins, waits or ends; never one a chunk.
        metrics: Counts everything.
    """

    def __init__(self, log: FilteringBoundLogger, metrics: JobMetrics) -> None:
        self._log = log
        self._metrics = metrics
        self._began = time.monotonic()
        self._rows = 0
        self._paused: JobKey | None = None
        """The job that waits for space."""
        self._newer: set[JobKey] = set()

    def taken(self, job: Job) -> None:
        """Note that a job was taken, for the first time or again."""
        self._began, self._rows = time.monotonic(), 0
        self._paused = None
        self._log.info("job_taken", **_named(job), done=job.done, total=job.total)

    def chunk(self, step: Step) -> None:
        """Note a chunk."""
        if self._paused:
            self._log.info("job_resumed", job=self._paused.id)
            self._paused = None
        self._rows += step.rows
        self._metrics.chunk(step)

    def ended(self, job: Job) -> None:
        """Note that a job has ended, by this worker."""
        self._metrics.ended(job)
        self._log.info(
            "job_ended",
            **_named(job),
            state=job.state,
            done=job.done,
            failed=job.failed,
            rows_per_second=round(self._rows / max(time.monotonic() - self._began, 1e-3)),
        )

    def newer(self, key: JobKey) -> None:
        """Note a job that a newer version has to do, once."""
        if key not in self._newer:
            self._newer.add(key)
            self._metrics.left()
            self._log.warning("job_left_to_newer_version", job=key.id)

    def lost(self, key: JobKey) -> None:
        """Note that a job was cancelled, or is another worker's."""
        self._log.info("job_lost", job=key.id)

    def waits(self, key: JobKey, error: Exception, seconds: float) -> None:
        """Note that a job waits because the database cannot be written, or has no space left."""
        self._metrics.waits()
        if isinstance(error, SpaceLow):
            self._note_paused(key)
            return
        self._log.warning("job_waits", job=key.id, seconds=seconds, exc_info=error)

    def _note_paused(self, key: JobKey) -> None:
        if self._paused != key:
            self._log.warning("job_paused", job=key.id)
        self._paused = key

    def broken(self, key: JobKey, error: Exception) -> None:
        """Note a fault of ours that has ended a job."""
        self._log.error("job_broken", job=key.id, exc_info=error)

    def given_up(self, key: JobKey, attempts: int) -> None:
        """Note that a job is ended because so many workers in a row did not survive it."""
        self._metrics.given_up()
        self._log.error("job_given_up", job=key.id, attempts=attempts)


class Upkeep:
    """Does what is to be done beside jobs: about half of the time while there is much of it.

    Args:
        step: Does a little; says whether there may be more.
        rest: How to rest; says whether the worker is to stop.
        log: Hears if it cannot be done.
    """

    def __init__(
        self,
        step: Callable[[], bool],
        rest: Callable[[float], bool],
        log: FilteringBoundLogger,
    ) -> None:
        self._step = step
        self._rest = rest
        self._log = log
        self._next = 0.0

    def some(self) -> None:
        """Do a little of it, unless that was done just now."""
        began = time.monotonic()
        if began < self._next:
            return
        try:
            more = self._until(began + UPKEEP_S)
        except Unavailable as error:
            self._log.warning("jobs_unavailable", exc_info=error)
            more = False
        except Exception as error:  # noqa: BLE001 - the job in hand is no worse for it
            self._log.error("purge_failed", exc_info=error)
            more = False
        now = time.monotonic()
        self._next = now + (now - began if more else OVERDUE_EVERY_S)

    def _until(self, end: float) -> bool:
        while self._step():
            if time.monotonic() >= end or self._rest(POLITE_REST_S):
                return True
        return False


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


def run_worker(settings: Settings) -> None:
    """Do jobs until SIGTERM or SIGINT; the chunk in hand is finished.

    Raises:
        SettingsError: A setting cannot be used.
    """
    log = build_logger(settings)
    route_stdlib_logging(settings)
    metrics = JobMetrics()
    loop = JobLoop(_database(settings), settings, log, metrics)
    serve_metrics(settings, metrics, log)
    log.info("worker_started")
    loop.run()
    log.info("worker_stopped")


def what_is_missing(
    settings: Settings, explain: Callable[[Exception], str | None]
) -> Sequence[str]:
    """Say what a worker needs and has not, a line each.

    Args:
        settings: They say where everything is.
        explain: Says what an exception means, if it is known.
    """
    with closing(_database(settings)) as database, closing(JobQueue(settings)) as queue:
        checks: Mapping[str, Callable[[], object]] = {
            "database": database.why_not_ready,
            "tables": lambda: why_not_ready(database),
            "queue": queue.size,
        }
        found = {name: _why_not(check, explain) for name, check in checks.items()}
    return [f"{name}: {why}" for name, why in found.items() if why]


def _why_not(check: Callable[[], object], explain: Callable[[Exception], str | None]) -> str | None:
    """Run a check; what it raises may hold more than may be shown."""
    try:
        found = check()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not there
        return explain(error) or "unavailable"
    return found if isinstance(found, str) else None


def _database(settings: Settings) -> Database:
    return open_database(Flask(__name__), settings, threads=1)


def serve_metrics(settings: Settings, metrics: JobMetrics, log: FilteringBoundLogger) -> None:
    """Show the worker's metrics, if there is a port for them.

    Raises:
        SettingsError: The port cannot be had.
    """
    port = settings.worker_metrics_port
    if port is None:
        return
    try:
        server = ScrapeServer(settings.host, port, answers_of(metrics.registry), log)
    except OSError as error:
        raise SettingsError(
            f"DISCOUNT_WORKER_METRICS_PORT={port} cannot be listened on: {error.strerror}."
        ) from error
    server.start()
    log.info("metrics_listening", port=port)


def _named(job: Job) -> dict[str, Any]:
    return {"job": job.id, "kind": job.kind}
