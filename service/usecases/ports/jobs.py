"""The port of callers' jobs. Each method is one atomic step, as with `ports.store.Store`."""

from typing import NamedTuple, Protocol

from service.domain.jobs import Job
from service.domain.model import Page
from service.usecases.ports.transaction import Writes


class OpenJobCounts(NamedTuple):
    """Figures about the open jobs."""

    queued: int
    running: int
    oldest_queued_s: float
    """The longest time that a queued job has been seen waiting, in seconds."""
    overdue_s: float
    """The longest time that a running job has been seen without a worker, in seconds."""
    stalled_s: float
    """The longest time that a running job has been seen without progress, in seconds."""


class Jobs(Writes, Protocol):
    """A store of callers' jobs.

    Raises:
        BrandNotFound, CampaignNotFound: What a name refers to does not exist.
        JobNotFound: The campaign has no such job.
        Unavailable: The store cannot answer now.
    """

    def find(self, brand: str, campaign: str, job_id: str) -> Job:
        """Return one job."""

    def page(self, brand: str, campaign: str, after: str | None, limit: int) -> Page[Job]:
        """List a campaign's jobs after `after`, the newest first."""
