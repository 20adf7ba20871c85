"""Look-ups of one code, and of its holder."""

from service.api.limits.misses import Misses
from service.api.operation import Answer, operation
from service.api.reply import Reply
from service.api.representations import code_details_object, holder_object
from service.api.schemas import code_details, requests
from service.api.schemas.checkout import BrandCodePath
from service.auth.authentication import current_caller
from service.auth.caller import Scope
from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    CodeNotFound,
    ReservationNotFound,
    TooManyMisses,
    UserErased,
)
from service.usecases import code_lookup
from service.usecases.code_lookup import Match
from service.usecases.ports.code_moves import CodeMoves
from service.usecases.ports.store import Store

_PATH = "/v1/brands/{brand}/codes/{code}"


class CodeLookupViews:
    """The views of one code."""

    tag = "codes"

    def __init__(self, moves: CodeMoves, store: Store, misses: Misses) -> None:
        self._moves, self._store, self._misses = moves, store, misses

    @operation(
        "GET",
        "/v1/brands/{brand}/campaigns/{campaign}/codes/{code}",
        summary="Show a code",
        scope=Scope.READ,
        parameters=requests.CodePath,
        answers={200: Answer("The code.", code_details.CodeDetails)},
        refusals=(BrandNotFound, CampaignNotFound, CodeNotFound, TooManyMisses),
    )
    def show_code(self, brand: str, campaign: str, code: str) -> Reply:
        """Returns what a code of a campaign is now.

        A caller that looks up many unknown codes is rejected for a while.
        """
        with self._misses.of_look_up(current_caller(), brand):
            found = code_lookup.look_up_in_campaign(self._moves, self._store, brand, campaign, code)
        return Reply(code_details_object(found))

    @operation(
        "GET",
        _PATH,
        summary="Look up a code",
        scope=Scope.READ,
        parameters=requests.TypedCodePath,
        query=requests.LookUpQuery,
        answers={200: Answer("The code, with its campaign.", code_details.CodeDetails)},
        refusals=(BrandNotFound, CodeNotFound, TooManyMisses),
    )
    def look_up_code(self, brand: str, code: str, match: Match | None) -> Reply:
        """Finds a code of any campaign of the brand, as a checkout does.

        With `match=typed`, the text is what a person typed: blanks are dropped, and if there is no
        such code, the text is tried in capital letters. The answer has the code as it is.

        A caller that looks up many unknown codes is rejected for a while.
        """
        requests.require_code(code, match)
        with self._misses.of_look_up(current_caller(), brand):
            return Reply(code_details_object(code_lookup.look_up(self._moves, brand, code, match)))

    @operation(
        "GET",
        f"{_PATH}/holder",
        summary="Show who holds a code",
        scope=Scope.AUDIT,
        parameters=BrandCodePath,
        answers={200: Answer("The holder.", code_details.HolderObject)},
        refusals=(BrandNotFound, CodeNotFound, ReservationNotFound, UserErased, TooManyMisses),
        head=False,
    )
    def show_holder(self, brand: str, code: str) -> Reply:
        """Returns the user who holds a code, whatever its state.

        That somebody looks is an event itself, so that this GET has no HEAD.
        """
        with self._misses.of_look_up(current_caller(), brand):
            return Reply(holder_object(code_lookup.show_holder(self._moves, brand, code)))
