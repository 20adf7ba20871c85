"""The port of observers of jobs."""

from typing import Protocol

from service.domain.jobs import Job
from service.usecases.keys import JobKey
from service.usecases.ports.work import Step


class JobObserver(Protocol):
    """An observer of a worker."""

    def taken(self, job: Job) -> None:
        """Note that a job was taken, for the first time or again."""

    def chunk(self, step: Step) -> None:
        """Note a chunk."""

    def ended(self, job: Job) -> None:
        """Note that a job has ended, by this worker."""

    def newer(self, key: JobKey) -> None:
        """Note, repeatedly, a job that only a newer version of the service can do."""

    def lost(self, key: JobKey) -> None:
        """Note that a job was cancelled or taken by another worker."""

    def waits(self, key: JobKey, error: Exception, seconds: float) -> None:
        """Note that a job waits because the database cannot be written."""

    def broken(self, key: JobKey, error: Exception) -> None:
        """Note an internal error that has ended a job."""

    def given_up(self, key: JobKey, attempts: int) -> None:
        """Note a job that is ended because so many workers in a row have died of it."""
