"""Telling workers of jobs, without waiting for them and without ever failing."""

from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from service.settings import Settings
from service.usecases.job_ports import Announce, JobKey


def announcer(put: Callable[[JobKey], None], log: FilteringBoundLogger) -> Announce:
    """Make of a queue's `put` what never fails: workers find a job by its row, only later."""

    def announce(key: JobKey) -> None:
        try:
            put(key)
        except Exception as error:
            log.warning("job_not_announced", job=key.id, exc_info=error)

    return announce


def queue_opened_late(settings: Settings) -> Callable[[JobKey], None]:
    """Make a queue's `put` that imports and opens the queue when there is the first job.

    A server starts faster for it, and most of them never see a job.
    """
    queues: list[Callable[[JobKey], None]] = []

    def put(key: JobKey) -> None:
        if not queues:
            from service.store.queue import JobQueue

            queues.append(JobQueue(settings).put)
        queues[0](key)

    return put
