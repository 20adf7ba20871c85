"""Changes of one code."""

from service.api.limits.misses import Misses
from service.api.operation import Answer, operation
from service.api.reply import Reply
from service.api.representations import code_details_object
from service.api.schemas import code_details, requests
from service.api.schemas.code_changes import CodeChangeBody
from service.auth.authentication import current_caller
from service.auth.caller import Scope
from service.domain.code_changes import CodeChange
from service.domain.code_refusals import CodeRedeemed, NotReserved
from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    CodeNotFound,
    Conflict,
    TooManyMisses,
)
from service.usecases import code_changes
from service.usecases.ports.code_moves import CodeMoves
from service.usecases.ports.store import Store


class CodeChangeViews:
    """The views that change a code."""

    tag = "codes"

    def __init__(self, moves: CodeMoves, store: Store, misses: Misses) -> None:
        self._moves, self._store, self._misses = moves, store, misses

    @operation(
        "PATCH",
        "/v1/brands/{brand}/campaigns/{campaign}/codes/{code}",
        summary="Disable a code, or move its end",
        scope=Scope.MANAGE,
        parameters=requests.CodePath,
        body=CodeChangeBody,
        answers={200: Answer("The code, as it is now.", code_details.CodeDetails)},
        refusals=(
            *(BrandNotFound, CampaignNotFound, CodeNotFound),
            *(CodeRedeemed, Conflict, NotReserved, TooManyMisses),
        ),
    )
    def change_code(self, brand: str, campaign: str, code: str, change: CodeChange) -> Reply:
        """Changes all that the body names in one step, or nothing.

        A disabled code keeps its holder, and enabling brings back what is below. A code that was
        retired, or whose holder was erased, stays disabled. `expires_at` is the end of the
        reservation: of this and the campaign's end, the earlier one counts. To ask for what is
        already so changes nothing.
        """
        with self._misses.of_change(current_caller(), brand):
            found = code_changes.change(self._moves, self._store, brand, campaign, code, change)
        return Reply(code_details_object(found))
