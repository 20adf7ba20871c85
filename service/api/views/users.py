"""Users of a brand: the codes that they hold, and their erasure."""

from service.api.cursors import Cursors
from service.api.operation import Answer, operation
from service.api.pagination import reply_page
from service.api.reply import Reply
from service.api.representations import reservation_object
from service.api.schemas import requests, responses
from service.auth.caller import Scope
from service.domain.erasure import Tombstones
from service.domain.errors import BrandNotFound, ErasureUnavailable
from service.domain.model import State
from service.usecases.ports.store import Store, UserCode
from service.usecases.users import erase_user, list_user_codes


class UserViews:
    """The views of users."""

    tag = "users"

    def __init__(self, store: Store, cursors: Cursors, tombstones: Tombstones) -> None:
        self._store, self._cursors, self._tombstones = store, cursors, tombstones

    @operation(
        "GET",
        "/v1/brands/{brand}/users/{user}/codes",
        summary="List a user's codes",
        scope=Scope.READ,
        parameters=requests.FetchPath,
        query=requests.CodesQuery,
        answers={
            200: Answer("A page of reservations.", responses.ReservationPage, headers=("Link",))
        },
        refusals=(BrandNotFound,),
    )
    def list_user_codes(
        self, brand: str, user: str, state: State | None, limit: int, cursor: str | None
    ) -> Reply:
        """Lists what the user holds in all campaigns of the brand; nothing for an unknown user."""
        listing = f"users/{brand}/{user}/{state}"
        after = self._cursors.decode(listing, cursor)
        page = list_user_codes(
            self._store, brand, user, state, None if after is None else int(after), limit
        )
        return reply_page(
            self._cursors,
            listing,
            page,
            _key,
            lambda found: reservation_object(brand, found.campaign, user, found.reservation),
        )

    @operation(
        "DELETE",
        "/v1/brands/{brand}/users/{user}",
        summary="Erase a user",
        scope=Scope.MANAGE,
        parameters=requests.FetchPath,
        query=requests.EraseQuery,
        answers={204: Answer("Nothing names the user any more.", None)},
        refusals=(BrandNotFound, ErasureUnavailable),
    )
    def erase_user(self, brand: str, user: str, *, forget: bool) -> Reply:
        """Replaces the user's id by a tombstone wherever it is stored, and disables the codes.

        The person cannot claim again in campaigns where they held a code; with `forget=true`,
        nothing is left that could tell who claims again.
        """
        erase_user(self._store, self._tombstones, brand, user, forget=forget)
        return Reply(None, 204)


def _key(found: UserCode) -> str:
    return str(found.campaign_id)
