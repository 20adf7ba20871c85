"""The log and the metrics of a worker's jobs."""

import time
from typing import Any

from structlog.typing import FilteringBoundLogger

from service.domain.jobs import Job
from service.observability.metrics.jobs import JobMetrics
from service.usecases.keys import JobKey
from service.usecases.ports.lapses import Lapsed
from service.usecases.ports.work import SpaceLow, Step


class Reporter:
    """An observer that logs and counts a worker's jobs.

    Args:
        log: Logs when a job begins, waits or ends, but not each chunk.
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
        """Note a job that only a newer version can do, once."""
        if key not in self._newer:
            self._newer.add(key)
            self._metrics.left()
            self._log.warning("job_left_to_newer_version", job=key.id)

    def lost(self, key: JobKey) -> None:
        """Note that a job was cancelled or taken by another worker."""
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
        """Note an internal error that has ended a job."""
        self._log.error("job_broken", job=key.id, exc_info=error)

    def given_up(self, key: JobKey, attempts: int) -> None:
        """Note a job that is ended because so many workers in a row have died of it."""
        self._metrics.given_up()
        self._log.error("job_given_up", job=key.id, attempts=attempts)


class SweepReporter:
    """An observer that logs and counts the codes that a worker lets lapse.

    Args:
        log: Logs each round that found some.
        metrics: Counts them.
    """

    def __init__(self, log: FilteringBoundLogger, metrics: JobMetrics) -> None:
        self._log, self._metrics = log, metrics
        self._recycled = self._expired = 0

    def lapsed(self, codes: Lapsed) -> None:
        """Note a step."""
        self._recycled += codes.recycled
        self._expired += codes.expired
        self._metrics.lapsed(codes)

    def round_ended(self) -> None:
        """Note that all campaigns have been searched."""
        if self._recycled or self._expired:
            self._log.info("codes_lapsed", recycled=self._recycled, expired=self._expired)
        self._recycled = self._expired = 0


def _named(job: Job) -> dict[str, Any]:
    return {"job": job.id, "kind": job.kind}
