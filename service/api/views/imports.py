"""Imports: lists of codes as a streamed body, and reports of refused lines."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from flask import Response, request

from service.api.idempotency import idempotency_of
from service.api.limits.misses import Misses
from service.api.operation import Answer, operation
from service.api.problems.http_errors import NotAcceptable, RequestTimeout
from service.api.reply import Reply
from service.api.schemas import requests, responses
from service.api.schemas.code_jobs import ImportQuery
from service.api.transfers.admission import Transfers, receive_paced
from service.api.transfers.lists import accepted_list_type, stream_list
from service.api.transfers.uploads import body_blocks, uploaded_form
from service.api.views.jobs import ACCEPTED, PATH, accept, scope_of
from service.auth.authentication import current_caller
from service.auth.caller import Scope
from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    CampaignNotOpen,
    Conflict,
    ImportBudgetExceeded,
    InsufficientStorage,
    JobNotFound,
    TooManyJobs,
    TooManyMisses,
    TooManyOwnTransfers,
    TooManyTransfers,
)
from service.domain.jobs import JobKind
from service.formats.columns import REPORT_COLUMNS
from service.formats.list_form import ListType
from service.formats.tables import report_table, written
from service.usecases.imports import ReceivedFile, Upload, digest, import_codes, receive
from service.usecases.jobs import request_job
from service.usecases.ports.clock import system_clock
from service.usecases.ports.imports import Imports
from service.usecases.ports.jobs import Jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportViews:
    """The views of imports and their reports."""

    tag: ClassVar = "imports"

    imports: Imports
    """A store of import files."""
    jobs: Jobs
    """The store of jobs."""
    transfers: Transfers
    """The limits of transfers."""
    max_bytes: int
    """Longest list in bytes."""
    misses: Misses
    """Counts the codes that a report reveals."""

    @operation(
        "POST",
        "/v1/brands/{brand}/campaigns/{campaign}/imports",
        summary="Import codes into a campaign",
        scope=Scope.CREATE,
        or_scope=Scope.MANAGE,
        parameters=requests.CampaignPath,
        query=ImportQuery,
        header=requests.IdempotencyHeader,
        upload=tuple(ListType),
        answers={202: ACCEPTED},
        refusals=(
            *(BrandNotFound, CampaignNotFound, CampaignNotOpen, RequestTimeout),
            *(Conflict, TooManyJobs, TooManyMisses, TooManyTransfers, TooManyOwnTransfers),
            *(ImportBudgetExceeded, InsufficientStorage),
        ),
    )
    def import_list(
        self,
        *,
        brand: str,
        campaign: str,
        dry_run: bool,
        kind: JobKind,
        idempotency_key: str | None,
    ) -> Reply:
        """Imports a list of codes, as CSV or NDJSON. The column, or the member, is `code`.

        CSV with a single column needs no header; fields are separated by commas, and `voucher`,
        `coupon code` and the like are accepted as headers, too. Other columns and members are
        ignored. A worker validates each row. If all rows are valid, all become codes of the
        campaign; if one is rejected, none does, and the report of the job lists the rejected lines
        with reasons. No code of the list can be reserved before all have been validated. With
        `dry_run`, nothing is stored.

        The job belongs to a brand and a campaign. An import for the campaign `default` of a new
        brand creates both, and they remain without codes if none is stored.

        With `action`, the codes of the list are disabled or enabled instead, which needs the scope
        `discounts:manage`. Those that the campaign does not have, or that cannot be changed, are in
        the report; all others are changed.
        """
        current_caller().require_scope(scope_of(kind))
        self.misses.require(current_caller(), brand)
        form = uploaded_form(self.max_bytes)
        with self.transfers.place(brand, current_caller()) as speed:
            received = self._received(
                brand, campaign, idempotency_key, receive_paced(body_blocks(), speed), kind
            )
        content = [brand, campaign, form, dry_run, received.digest, *_named(kind)]
        idempotency = idempotency_of(idempotency_key, content)
        requested = import_codes(
            self.imports,
            partial(request_job, self.jobs, brand, campaign, idempotency=idempotency),
            received,
            form=form,
            dry_run=dry_run,
            requested_by=current_caller().subject,
            kind=kind,
        )
        return accept(brand, campaign, requested)

    @operation(
        "GET",
        f"{PATH}/{{job}}/report",
        summary="Show the lines of a list that a job has rejected",
        scope=Scope.CREATE,
        or_scope=Scope.MANAGE,
        parameters=requests.JobPath,
        answers={
            200: Answer(
                "The rejected lines in order, with reasons.",
                responses.RefusalObject,
                lists=tuple(ListType),
                columns=REPORT_COLUMNS,
            )
        },
        refusals=(
            *(BrandNotFound, CampaignNotFound, JobNotFound, NotAcceptable),
            *(TooManyMisses, TooManyTransfers, TooManyOwnTransfers),
        ),
        head=False,
    )
    def show_report(self, brand: str, campaign: str, job: str) -> Response:
        """Streams CSV with a header or NDJSON, whichever `Accept` prefers, without any code.

        While the job is open, the report contains the lines found so far.
        """
        list_type = accepted_list_type()
        caller = current_caller()
        self.misses.require(caller, brand)
        with ExitStack() as stack:
            speed = stack.enter_context(self.transfers.place(brand, current_caller()))
            refusals = stack.enter_context(self.imports.refusals(brand, campaign, job))
            counted = self.misses.counting(caller, brand, job, refusals)
            lines = written(REPORT_COLUMNS, report_table(counted), list_type)
            return stream_list(lines, speed, list_type, stack.pop_all().close)

    def _received(
        self,
        brand: str,
        campaign: str,
        key: str | None,
        body: Iterator[bytes],
        kind: JobKind,
    ) -> ReceivedFile:
        """Receive a list; that of a repeated request is not stored."""
        idempotency = idempotency_of(key, None)
        if idempotency and self.imports.is_answered(idempotency.key, system_clock()):
            return digest(body, self.max_bytes)
        announced = request.content_length
        upload = Upload(announced, kind)
        return receive(self.imports, brand, campaign, body, self.max_bytes, upload=upload)


def _named(kind: JobKind) -> list[str]:
    """Return what a request says beside that of an import, whose stored answers have no kind."""
    return [] if kind is JobKind.IMPORT else [kind]
