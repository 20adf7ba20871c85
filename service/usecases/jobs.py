"""Asking for long work, and cancelling it; `working.py` does it."""

from service.domain.jobs import Job, JobKind, Order
from service.domain.model import Idempotency
from service.usecases.job_ports import Jobs
from service.usecases.ports import Clock, system_clock


def generate_codes(
    jobs: Jobs,
    brand: str,
    campaign: str,
    count: int,
    *,
    requested_by: str,
    once: Idempotency | None = None,
    clock: Clock = system_clock,
) -> tuple[Job, bool]:
    """Ask for `count` new codes in a campaign.

    Args:
        jobs: Where the job is kept.
        brand: The brand's name; its first codes make it.
        campaign: The campaign's name; only `default` is made.
        count: How many, 1 to `MAX_GENERATED`.
        requested_by: The caller's subject.
        once: Tells a repeated request, which gets the job of the first.
        clock: Tells the time.

    Returns:
        The job as it was when it was asked for, and whether it is new.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        Conflict: The idempotency key was used for something else.
        TooManyJobs: The brand has as many open jobs as it may.
    """
    order = Order(JobKind.GENERATE, count, requested_by, {})
    return request_job(jobs, brand, campaign, order, once=once, clock=clock)


def request_job(
    jobs: Jobs,
    brand: str,
    campaign: str,
    order: Order,
    *,
    once: Idempotency | None = None,
    clock: Clock = system_clock,
) -> tuple[Job, bool]:
    """Keep a job of any kind, for a worker to find; `generate_codes` explains the rest."""
    _, job, new = jobs.add(brand, campaign, order, clock(), once=once)
    return job, new


def cancel_job(
    jobs: Jobs, brand: str, campaign: str, job_id: str, clock: Clock = system_clock
) -> Job:
    """Stop a job within a chunk; its `detail` says what stays of it.

    Raises:
        BrandNotFound, CampaignNotFound, JobNotFound: There is no such job.
        Conflict: It has succeeded or failed.
    """
    return jobs.cancel(brand, campaign, job_id, clock())
