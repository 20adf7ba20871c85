"""Jobs: work on a campaign that takes longer than a call may."""

from functools import partial
from typing import Any
from urllib.parse import quote

from service.api.cursors import Cursors
from service.api.idempotency import REPLAYED, idempotency_of, reply_idempotent
from service.api.limits.misses import Misses
from service.api.operation import Answer, operation
from service.api.pagination import reply_page
from service.api.reply import Reply
from service.api.schemas import requests, responses
from service.api.schemas.code_jobs import JobBody, JobQuery
from service.auth.authentication import current_caller
from service.auth.caller import Scope
from service.domain.code_selection import Selection
from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    CampaignNotOpen,
    Conflict,
    Guessable,
    InputError,
    InsufficientStorage,
    InvalidRequest,
    JobNotFound,
    TooManyJobs,
)
from service.domain.jobs import Job, JobKind
from service.formats.timestamps import timestamp
from service.observability.exchange import current_record
from service.usecases.jobs import RequestedJob, cancel_job, generate_codes, switch_codes
from service.usecases.ports.clock import system_clock
from service.usecases.ports.imports import Imports
from service.usecases.ports.jobs import Jobs
from service.usecases.switching import SWITCHES

PATH = "/v1/brands/{brand}/campaigns/{campaign}/jobs"
NEWS_MS = 60 * 60 * 1000
"""How long after its end the numbers of an import count as misses, in milliseconds.

A guesser cannot wait that long after each list, and callers that look at old jobs are not taken for
guessers.
"""
ACCEPTED = Answer(
    "The job is accepted, and runs soon. `Location` is its URL.",
    responses.JobObject,
    headers=("Location", REPLAYED),
)


def scope_of(kind: str) -> Scope:
    """Return the scope that a job of a kind needs."""
    return Scope.MANAGE if kind in SWITCHES else Scope.CREATE


def job_object(brand: str, campaign: str, job: Job) -> dict[str, Any]:
    """Return the representation of a job."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "failed": job.failed,
        "detail": job.detail,
        "brand": brand,
        "campaign": campaign,
        "requested_by": job.requested_by,
        "created_at": timestamp(job.created_at),
        "started_at": timestamp(job.started_at),
        "finished_at": timestamp(job.finished_at),
    }


def accept(brand: str, campaign: str, requested: RequestedJob) -> Reply:
    """Return the answer to an accepted job, with its location."""
    job, new = requested.job, requested.new
    current_record().outcome = "created" if new else "replayed"
    names = {"brand": quote(brand, safe=""), "campaign": quote(campaign, safe="")}
    location = ("Location", f"{PATH.format(**names)}/{job.id}")
    return reply_idempotent(job_object(brand, campaign, job), 202, new=new, headers=(location,))


class JobViews:
    """The views of jobs."""

    tag = "jobs"

    def __init__(self, jobs: Jobs, cursors: Cursors, imports: Imports, misses: Misses) -> None:
        self._jobs, self._cursors = jobs, cursors
        self._imports, self._misses = imports, misses

    @operation(
        "POST",
        PATH,
        summary="Create, disable or enable many codes",
        scope=Scope.CREATE,
        or_scope=Scope.MANAGE,
        parameters=requests.CampaignPath,
        query=JobQuery,
        header=requests.IdempotencyHeader,
        body=JobBody,
        answers={202: ACCEPTED},
        refusals=(
            *(BrandNotFound, CampaignNotFound, CampaignNotOpen, Guessable),
            *(Conflict, TooManyJobs, InsufficientStorage),
        ),
    )
    def create_job(
        self,
        brand: str,
        campaign: str,
        kind: str,
        count: int,
        where: Selection | None,
        idempotency_key: str | None,
        *,
        dry_run: bool,
    ) -> Reply:
        """A worker does the job in the background. If it dies, another one continues the job.

        `generate` creates codes, which can be reserved as soon as they are stored; it needs the
        scope `discounts:create`. `disable` and `enable` need `discounts:manage`, and change the
        codes of the campaign for which all members of `where` hold. Redeemed codes stay as they
        are, and `enable` passes over those that were retired, or whose holder was erased. `done`
        counts the codes that were changed; with `dry_run` those that would be.
        """
        caller = current_caller()
        caller.require_scope(scope_of(kind))
        if where is None:
            return self._generate(brand, campaign, kind, count, idempotency_key, dry_run=dry_run)
        content = [brand, campaign, kind, where.as_object(), dry_run]
        requested = switch_codes(
            self._jobs,
            brand,
            campaign,
            JobKind(kind),
            where,
            dry_run=dry_run,
            requested_by=caller.subject,
            idempotency=idempotency_of(idempotency_key, content),
        )
        return accept(brand, campaign, requested)

    def _generate(
        self, brand: str, campaign: str, kind: str, count: int, key: str | None, *, dry_run: bool
    ) -> Reply:
        if dry_run:
            raise InvalidRequest([InputError("/dry_run", "Only for disable and enable.")])
        requested = generate_codes(
            self._jobs,
            brand,
            campaign,
            count,
            requested_by=current_caller().subject,
            idempotency=idempotency_of(key, [brand, campaign, kind, count]),
        )
        return accept(brand, campaign, requested)

    @operation(
        "GET",
        PATH,
        summary="List a campaign's jobs",
        scope=Scope.CREATE,
        or_scope=Scope.MANAGE,
        parameters=requests.CampaignPath,
        query=requests.PageQuery,
        answers={200: Answer("A page of jobs.", responses.JobPage, headers=("Link",))},
        refusals=(BrandNotFound, CampaignNotFound),
    )
    def list_jobs(self, brand: str, campaign: str, limit: int, cursor: str | None) -> Reply:
        """Lists the jobs of a campaign, newest first."""
        listing = f"jobs/{brand}/{campaign}"
        page = self._jobs.page(brand, campaign, self._cursors.decode(listing, cursor), limit)
        return reply_page(
            self._cursors,
            listing,
            page,
            lambda job: job.id,
            lambda job: self._shown(brand, campaign, job),
        )

    @operation(
        "GET",
        f"{PATH}/{{job}}",
        summary="Show a job",
        scope=Scope.CREATE,
        or_scope=Scope.MANAGE,
        parameters=requests.JobPath,
        answers={200: Answer("The job.", responses.JobObject)},
        refusals=(BrandNotFound, CampaignNotFound, JobNotFound),
    )
    def show_job(self, brand: str, campaign: str, job: str) -> Reply:
        """Returns the progress of a job. Codes that it counts as done are stored for good."""
        return Reply(self._shown(brand, campaign, self._jobs.find(brand, campaign, job)))

    @operation(
        "DELETE",
        f"{PATH}/{{job}}",
        summary="Cancel a job",
        scope=Scope.CREATE,
        or_scope=Scope.MANAGE,
        parameters=requests.JobPath,
        answers={
            200: Answer("The cancelled job; `detail` says what has been kept.", responses.JobObject)
        },
        refusals=(BrandNotFound, CampaignNotFound, JobNotFound, Conflict),
    )
    def delete_job(self, brand: str, campaign: str, job: str) -> Reply:
        """Stops a job. A job that has ended in another way is a conflict.

        A job that disables or enables codes needs the scope `discounts:manage`, any other one
        `discounts:create`.
        """
        kind = self._jobs.find(brand, campaign, job).kind
        current_caller().require_scope(scope_of(kind))
        return Reply(self._shown(brand, campaign, cancel_job(self._jobs, brand, campaign, job)))

    def _shown(self, brand: str, campaign: str, job: Job) -> dict[str, Any]:
        """Show a job, and count what a list reveals of the brand's codes."""
        ended_at = job.finished_at or system_clock()
        if job.kind != JobKind.GENERATE and system_clock() - ended_at < NEWS_MS:
            refusals = partial(self._imports.refusals, brand, campaign, job.id)
            self._misses.count_job(current_caller(), brand, job, refusals)
        return job_object(brand, campaign, job)
