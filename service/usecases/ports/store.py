"""The port of brands, campaigns, codes and reservations.

Each method is one atomic step: it is complete and durable when it returns, or it raised and
changed nothing.
"""

from collections.abc import Collection
from typing import NamedTuple, Protocol

from service.domain.campaigns import Campaign, CampaignWithCounts
from service.domain.erasure import Tombstones, no_tombstones
from service.domain.model import (
    Brand,
    BrandWithCounts,
    Code,
    Millis,
    Page,
    Reservation,
    ReservationResult,
    State,
)
from service.usecases.ports.transaction import Writes


class UserCode(NamedTuple):
    """A code that a user holds."""

    campaign_id: int
    """The position in the order of a listing."""
    campaign: str
    reservation: Reservation


class UnknownPosition(Exception):  # noqa: N818 - it is no fault of the store
    """The item before a page does not exist any more."""


class Store(Writes, Protocol):
    """A store of brands, campaigns, codes and reservations.

    Raises:
        BrandNotFound, CampaignNotFound: What a name refers to does not exist.
        Unavailable: The store cannot answer now.
    """

    def find_reservation(
        self, brand: str, campaign: str, user: str, now: Millis
    ) -> Reservation | None:
        """Return the user's reservation, if there is one."""

    def reserve(
        self,
        brand: str,
        campaign: str,
        user: str,
        now: Millis,
        tombstones: Tombstones = no_tombstones,
    ) -> ReservationResult:
        """Return the user's reservation, made now if there is none.

        Raises:
            UserErased: The user holds no code, and one of the tombstones holds one.
            CampaignNotOpen: The user holds no code, and the campaign is closed.
            NoCodesLeft: The user holds no code, and none is available.
        """

    def brand(self, brand: str, now: Millis) -> BrandWithCounts:
        """Return a brand, and its number of codes in each state."""

    def campaign(self, brand: str, campaign: str) -> CampaignWithCounts:
        """Return a campaign, and its number of codes in each state."""

    def require_campaign(self, brand: str, campaign: str) -> None:
        """Require that a campaign exists."""

    def brands(self, among: Collection[str] | None, after: str | None, limit: int) -> Page[Brand]:
        """List brands by name after `after`, those in `among` (`None`: all)."""

    def campaigns(self, brand: str, after: str | None, limit: int) -> Page[Campaign]:
        """List a brand's campaigns by name after `after`."""

    def codes(
        self,
        brand: str,
        campaign: str,
        state: State | None,
        after: str | None,
        limit: int,
        now: Millis,
    ) -> Page[Code]:
        """List a campaign's codes after the code `after`, those in `state` now (`None`: all).

        The store decides on their order, which is stable: new codes may appear anywhere.

        Raises:
            UnknownPosition: The code `after` does not exist, and the order depends on it.
        """

    def user_codes(
        self,
        brand: str,
        user: str,
        state: State | None,
        after: int | None,
        limit: int,
        now: Millis,
    ) -> Page[UserCode]:
        """List the codes that a user holds after the campaign `after`, those in `state`."""
