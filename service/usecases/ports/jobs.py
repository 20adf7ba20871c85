"""Jobs as callers see them. Each method is one atomic step, as with `ports.store.Store`."""

from typing import NamedTuple, Protocol

from service.domain.jobs import Job
from service.domain.model import Page
from service.usecases.ports.transaction import Writes


class JobsNow(NamedTuple):
    """The jobs that have not ended."""

    queued: int
    running: int
    oldest_queued_s: float
    """For how many seconds one of those queued has been seen waiting, at most."""
    overdue_s: float
    """For how many seconds one of those running has been seen without a worker, at most."""


class Jobs(Writes, Protocol):
    """Where callers' jobs are kept.

    Raises:
        BrandNotFound, CampaignNotFound: What a name refers to does not exist.
        JobNotFound: The campaign has no such job.
        Unavailable: The store cannot answer now.
    """

    def find(self, brand: str, campaign: str, job_id: str) -> Job:
        """Return one job."""

    def page(self, brand: str, campaign: str, after: str | None, limit: int) -> Page[Job]:
        """List a campaign's jobs, the newest first, from behind `after`."""
