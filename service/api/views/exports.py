"""Exports: a campaign's codes as a streamed answer."""

from contextlib import ExitStack

from flask import Response

from service.api.operation import Answer, operation
from service.api.problems.http_errors import NotAcceptable
from service.api.schemas import requests, responses
from service.api.transfers.admission import Transfers
from service.api.transfers.lists import accepted_list_type, stream_list
from service.auth.authentication import current_caller
from service.auth.caller import Scope
from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    TooManyOwnTransfers,
    TooManyTransfers,
)
from service.domain.model import State
from service.formats.columns import CODE_COLUMNS
from service.formats.list_form import ListType
from service.formats.tables import code_table, written
from service.usecases.ports.clock import system_clock
from service.usecases.ports.exports import Exports


class ExportViews:
    """The view of an export."""

    tag = "exports"

    def __init__(self, exports: Exports, transfers: Transfers) -> None:
        self._exports, self._transfers = exports, transfers

    @operation(
        "GET",
        "/v1/brands/{brand}/campaigns/{campaign}/export",
        summary="Export a campaign's codes",
        scope=Scope.EXPORT,
        parameters=requests.CampaignPath,
        query=requests.ExportQuery,
        answers={
            200: Answer(
                "A snapshot of the codes.",
                responses.CodeObject,
                lists=tuple(ListType),
                columns=CODE_COLUMNS,
            )
        },
        refusals=(
            *(BrandNotFound, CampaignNotFound, NotAcceptable),
            *(TooManyTransfers, TooManyOwnTransfers),
        ),
        head=False,
    )
    def export_codes(self, brand: str, campaign: str, state: State | None) -> Response:
        """Streams all codes as CSV with a header or as NDJSON, whichever `Accept` prefers.

        The export contains secret codes that no user has yet. If the export cannot be completed,
        because the client is too slow, the database fails or the service is stopped, the connection
        is reset without the last chunk of the chunked transfer coding.
        """
        list_type = accepted_list_type()
        with ExitStack() as stack:
            speed = stack.enter_context(self._transfers.place(brand, current_caller()))
            rows = stack.enter_context(
                self._exports.codes(brand, campaign, state, system_clock())
            ).rows
            parts = written(CODE_COLUMNS, code_table(rows), list_type)
            return stream_list(parts, speed, list_type, stack.pop_all().close)
