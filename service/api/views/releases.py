"""Releases: a code is taken from its user."""

from service.api.conditions import require_match, reservation_etag
from service.api.operation import Answer, operation
from service.api.reply import Reply
from service.api.schemas import requests
from service.api.schemas.checkout import MatchHeader
from service.api.views.reservations import PATH
from service.auth.caller import Scope
from service.domain.campaigns import OnRelease
from service.domain.code_refusals import CodeHeld, CodeRedeemed
from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    PreconditionFailed,
    ReservationNotFound,
)
from service.observability.exchange import current_record
from service.observability.metrics.instruments import Metrics
from service.usecases.ports.code_moves import CodeMoves, FoundCode
from service.usecases.releases import release

_OUTCOMES = {OnRelease.RETIRE: "retired", OnRelease.RECYCLE: "recycled"}


class ReleaseViews:
    """The view of releases."""

    tag = "reservations"

    def __init__(self, moves: CodeMoves, metrics: Metrics) -> None:
        self._moves, self._counters = moves, metrics.moves

    @operation(
        "DELETE",
        PATH,
        summary="Release a user's code",
        scope=Scope.MANAGE,
        parameters=requests.ReservationPath,
        header=MatchHeader,
        answers={204: Answer("The user has no code any more.", None)},
        refusals=(
            BrandNotFound,
            CampaignNotFound,
            ReservationNotFound,
            PreconditionFailed,
            CodeRedeemed,
            CodeHeld,
        ),
    )
    def release_reservation(
        self, brand: str, campaign: str, user: str, if_match: str | None
    ) -> Reply:
        """Takes the code from the user, who may claim another one at once.

        The campaign's `on_release` decides what becomes of the code: `retire` disables it for good,
        `recycle` lets others have it. With `If-Match`, a late repetition does not take a newer
        reservation.
        """

        def require(found: FoundCode) -> None:
            require_match(reservation_etag(found.code, found.stored.version), if_match, None)

        outcome = _OUTCOMES[release(self._moves, brand, campaign, user, precondition=require)]
        self._counters.release(outcome)
        current_record().outcome = outcome
        return Reply(None, 204)
