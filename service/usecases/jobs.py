"""Requesting and cancelling jobs; `working.py` does them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from service.domain.code_selection import Selection
from service.domain.errors import Conflict, TooManyJobs, Unavailable
from service.domain.jobs import MAKING, MAX_OPEN, Job, JobKind, JobRequest, JobState
from service.domain.model import AnswerKind, Idempotency
from service.domain.wording import counted
from service.usecases.codes import pool_for_codes
from service.usecases.idempotency import replay
from service.usecases.import_pipeline.state import is_storing
from service.usecases.job_kinds import STATE_VERSION
from service.usecases.keys import FileKey, JobKey, PoolKey
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.jobs import Jobs
from service.usecases.ports.transaction import Transaction
from service.usecases.switching import DRY_RUN, WHERE

FIRST_TOTAL = "first_total"
"""The parameter with the estimated number of rows at the time of the request."""
_STAYS: Mapping[str, str] = {
    JobKind.GENERATE: "Cancelled. The {codes}.",
    JobKind.IMPORT: "Cancelled. No code of the file was taken.",
    JobKind.DISABLE: "Cancelled. Codes that were disabled stay so.",
    JobKind.ENABLE: "Cancelled. Codes that were enabled stay so.",
}


class RequestedJob(NamedTuple):
    """A job as it was requested."""

    key: JobKey
    job: Job
    new: bool
    """Whether it was requested now; a repeated request gets the job of the first."""


def generate_codes(
    jobs: Jobs,
    brand: str,
    campaign: str,
    count: int,
    *,
    requested_by: str,
    idempotency: Idempotency | None = None,
    clock: Clock = system_clock,
) -> RequestedJob:
    """Request `count` new codes in a campaign.

    Args:
        jobs: The store of jobs.
        brand: The brand's name; its first codes create the brand.
        campaign: The campaign's name; only `default` is created on demand.
        count: How many, 1 to `MAX_GENERATED`.
        requested_by: The caller's subject.
        idempotency: Identifies a repeated request, which gets the job of the first.
        clock: Returns the current time.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        Conflict: The idempotency key was used for another request.
        TooManyJobs: The brand has too many open jobs.
    """
    request = JobRequest(JobKind.GENERATE, count, requested_by, {})
    return request_job(jobs, brand, campaign, request, idempotency=idempotency, clock=clock)


def switch_codes(
    jobs: Jobs,
    brand: str,
    campaign: str,
    kind: JobKind,
    selection: Selection,
    *,
    dry_run: bool,
    requested_by: str,
    idempotency: Idempotency | None = None,
    clock: Clock = system_clock,
) -> RequestedJob:
    """Request that the codes of a selection are disabled or enabled; see `generate_codes`.

    Args:
        jobs: The store of jobs.
        brand: The brand's name.
        campaign: The campaign's name; an archived one is as good.
        kind: `disable` or `enable`.
        selection: The codes.
        dry_run: Whether they are only counted.
        requested_by: The caller's subject.
        idempotency: Identifies a repeated request, which gets the job of the first.
        clock: Returns the current time.
    """
    parameters = {WHERE: selection.as_object(), DRY_RUN: dry_run}
    request = JobRequest(kind, 0, requested_by, parameters)
    return request_job(jobs, brand, campaign, request, idempotency=idempotency, clock=clock)


def request_job(
    jobs: Jobs,
    brand: str,
    campaign: str,
    request: JobRequest,
    *,
    idempotency: Idempotency | None = None,
    clock: Clock = system_clock,
) -> RequestedJob:
    """Store a job of any kind for a worker; see `generate_codes`."""

    def add(tx: Transaction) -> RequestedJob:
        answered = replay(tx, idempotency)
        if answered is not None:
            pool = tx.campaign(brand, campaign)
            first = _as_begun(tx.job(pool, answered[0]))
            return RequestedJob(JobKey(pool.brand_id, first.id), first, new=False)
        tx.require_space()
        pool, wanted = _pool_for(tx, brand, campaign, request)
        added = _add(tx, pool, wanted)
        if idempotency:
            tx.remember(pool, idempotency, AnswerKind.JOB, [added.id])
        return RequestedJob(JobKey(pool.brand_id, added.id), added, new=True)

    return jobs.write(add, clock(), grows=True)


def require_place(open_jobs: int) -> None:
    """Require that a brand may have another open job.

    Raises:
        TooManyJobs: The brand has too many.
    """
    if open_jobs >= MAX_OPEN:
        raise TooManyJobs


def cancel_job(
    jobs: Jobs, brand: str, campaign: str, job_id: str, clock: Clock = system_clock
) -> Job:
    """Cancel a job within a chunk; its `detail` says what remains.

    Raises:
        BrandNotFound, CampaignNotFound, JobNotFound: There is no such job.
        Conflict: It has succeeded or failed, or its codes are being stored.
    """
    return jobs.write(lambda tx: _cancel(tx, tx.campaign(brand, campaign), job_id), clock())


def cancel_open_jobs(tx: Transaction, pool: PoolKey) -> None:
    """Cancel the jobs that make codes for a campaign; codes that are being stored stay."""
    for job_id in tx.open_jobs_of(pool):
        if tx.job(pool, job_id).kind in MAKING:
            with suppress(Conflict):
                _cancel(tx, pool, job_id)


def _cancel(tx: Transaction, pool: PoolKey, job_id: str) -> Job:
    # On PostgreSQL all codes are stored in one transaction, which has the row locked.
    _refuse_storing(tx, pool, tx.job(pool, job_id))
    found = tx.job(pool, job_id, lock=True)
    if found.state is JobState.CANCELLED:
        return found
    if found.finished_at is not None:
        raise Conflict(f"The job has already {found.state}.")
    _refuse_storing(tx, pool, found)
    tx.end_job(JobKey(pool.brand_id, job_id), JobState.CANCELLED, _what_stays(found))
    return tx.job(pool, job_id)


def _pool_for(
    tx: Transaction, brand: str, campaign: str, request: JobRequest
) -> tuple[PoolKey, JobRequest]:
    """Return the campaign of a job, made if the job makes codes, and the job with its total."""
    if request.kind in MAKING:
        new = request.total if request.kind is JobKind.GENERATE else 0
        return pool_for_codes(tx, brand, campaign, new).key, request
    pool = tx.campaign(brand, campaign)
    if WHERE not in request.parameters:
        return pool, request
    return pool, replace(request, total=tx.count_codes(pool))


def _add(tx: Transaction, pool: PoolKey, request: JobRequest) -> Job:
    require_place(tx.open_jobs(pool.brand_id))
    if request.kind is JobKind.GENERATE or WHERE in request.parameters:
        return tx.insert_job(pool, _with_total(request))
    if "file" not in request.parameters:
        raise Unavailable  # its key was valid when the list came, and has expired
    added = tx.insert_job(pool, _with_total(request))
    file = FileKey(request.parameters["file_of"], request.parameters["file"])
    tx.attach_file(file, JobKey(pool.brand_id, added.id))
    return added


def _with_total(request: JobRequest) -> JobRequest:
    return replace(request, parameters={**request.parameters, FIRST_TOTAL: request.total})


def _as_begun(found: Job) -> Job:
    """Return a job as it was requested; an earlier version stored no first total."""
    return replace(
        found,
        total=found.parameters.get(FIRST_TOTAL, found.total),
        state=JobState.QUEUED,
        done=0,
        failed=0,
        detail=None,
        started_at=None,
        finished_at=None,
    )


def _refuse_storing(tx: Transaction, pool: PoolKey, found: Job) -> None:
    """Require that a job is not an import whose codes are being stored.

    Raises:
        Conflict: It is one.
    """
    if found.kind != JobKind.IMPORT or found.finished_at is not None:
        return
    version, cursor = tx.job_cursor(pool, found.id)
    # What a newer version has written may say so, for all that this one knows.
    if version > STATE_VERSION or is_storing(cursor):
        raise Conflict("Every row is valid, and the codes are already being stored.")


def _what_stays(cancelled: Job) -> str:
    if cancelled.parameters.get(DRY_RUN):
        return "Cancelled. Nothing was changed: it was a dry run."
    codes = counted(cancelled.done, "code that was made stays", "codes that were made stay")
    return _STAYS.get(cancelled.kind, "Cancelled.").format(codes=codes)
