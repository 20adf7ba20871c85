"""Reservations: finding a user's code, and claiming a free one, with either engine.

This is the hot path, so the engines' modules call their drivers: SQLAlchemy would be most of the
cost of a statement.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from service.domain.campaigns import OnLapse
from service.domain.erasure import Tombstones
from service.domain.errors import CampaignNotOpen, Closed, ServiceError, UserErased
from service.domain.model import Millis, Reservation, ReservationResult, State
from service.store.repositories.code_states import EXPIRES_AT, LAPSED, STATE

FIND_RESERVATION = f"""
    SELECT brand.id, campaign.id, CASE WHEN {LAPSED} THEN NULL ELSE code.code END, {STATE},
        code.reserved_at, {EXPIRES_AT}, code.version
    FROM brand
    LEFT JOIN campaign ON campaign.brand_id = brand.id AND campaign.name = :campaign
    LEFT JOIN code ON code.brand_id = campaign.brand_id AND code.campaign_id = campaign.id
        AND code.user_id = :user
    WHERE brand.name = :brand
"""  # noqa: S608 - constants
"""Columns of a brand, its campaign and the user's code, with nulls for missing ones."""
CLOSED = f"""CASE
    WHEN campaign.archived THEN '{Closed.ARCHIVED}'
    WHEN campaign.ends_at <= :now THEN '{Closed.ENDED}'
    WHEN campaign.claims_from > :now THEN '{Closed.EARLY}'
    WHEN campaign.paused THEN '{Closed.PAUSED}' END"""
"""Why a campaign gives out no codes, if so: the same as `Rules.closed`."""
OWN_END = "CAST(:now AS BIGINT) + CAST(campaign.reservation_ttl_s AS BIGINT) * 1000"
"""The end of a reservation that is made now."""
ON_LAPSE = f"nullif(campaign.on_lapse, '{OnLapse.EXPIRE}')"
"""What becomes of a code whose reservation is made now, when that ends."""
ERASED = "user-erased"
"""Why a user whose tombstone holds a code gets none."""


class Reservations(Protocol):
    """Reservations of an engine, which guarantee one code per user and one user per code.

    Raises:
        BrandNotFound, CampaignNotFound: What a name refers to does not exist.
        Unavailable: The database cannot answer now.
    """

    def find(self, brand: str, campaign: str, user: str, now: Millis) -> Reservation | None:
        """Return the user's reservation, if there is one."""

    def reserve(
        self, brand: str, campaign: str, user: str, now: Millis, tombstones: Tombstones
    ) -> ReservationResult | None:
        """Return the user's reservation, made now if there is a free code, or `None`.

        Raises:
            UserErased: The user holds no code, and one of the tombstones holds one.
            CampaignNotOpen: The user holds no code, and the campaign is closed.
        """


def as_reservation(row: Sequence[Any]) -> Reservation | None:
    """Return the reservation of a row's columns; `None` if they have no code."""
    code, state, reserved_at, expires_at, version = row
    if code is None:
        return None
    return Reservation(code, State(state), reserved_at, expires_at, version)


def refusal(why: str) -> ServiceError:
    """Return the error for `ERASED`, or for a reason of `CLOSED`."""
    return UserErased() if why == ERASED else CampaignNotOpen(Closed(why))


def absent_values(absent: Sequence[str]) -> dict[str, str]:
    """Return the parameters of `holds_absent`."""
    return {f"absent_{number}": user for number, user in enumerate(absent)}


def any_absent(count: int) -> str:
    """Return the condition that one of so many users holds the code, as parameters."""
    names = ", ".join(f":absent_{number}" for number in range(count))
    return f"user_id IN ({names})" if count else "FALSE"
