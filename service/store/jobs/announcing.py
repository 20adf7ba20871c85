"""Telling workers of jobs, without waiting for them and without ever failing."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from structlog.typing import FilteringBoundLogger

from service.call import deadlines
from service.settings import Settings
from service.usecases.job_ports import Announce, JobKey

if TYPE_CHECKING:
    from service.store.jobs.queue import JobQueue


PUT_WITHIN_S = 0.5
"""How long a caller waits while others tell workers of their jobs."""

ANNOUNCE_S = 2.5
"""How long it may take to tell workers, this wait included; who has waited longer tells nobody."""


def announcer(put: Callable[[JobKey], None], log: FilteringBoundLogger) -> Announce:
    """Make of a queue's `put` what never fails: workers find a job by its row, only later."""

    def announce(key: JobKey) -> None:
        try:
            put(key)
        except Exception as error:
            log.warning("job_not_announced", job=key.id, exc_info=error)

    return announce


class LateQueue:
    """A queue that is imported and opened when there is the first job.

    A server starts faster for it, and most of its processes never see a job.

    Args:
        settings: They name the database.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._putting = threading.Lock()
        self._queue: JobQueue | None = None

    def put(self, key: JobKey) -> None:
        """Tell workers of a job.

        Raises:
            Exception: Whatever kept it from being told.
        """
        if deadlines.left(ANNOUNCE_S) < ANNOUNCE_S:
            raise TimeoutError("Its caller waits for an answer.")
        # The queue serves one at a time. While it is slow, one caller waits for it, not all.
        if not self._putting.acquire(timeout=PUT_WITHIN_S):
            raise TimeoutError("Others have been waiting for the queue.")
        try:
            self._open().put(key)
        finally:
            self._putting.release()

    def close(self) -> None:
        """Close what is open; later use opens it again."""
        if self._queue is not None:
            self._queue.close()

    def _open(self) -> "JobQueue":
        if self._queue is None:
            from service.store.jobs.queue import JobQueue

            self._queue = JobQueue(self._settings)
        return self._queue
