"""Reservations, whichever engine makes them: finding what a user holds, and claiming a free code.

This is the hot path, so the engines' own modules speak to their drivers: SQLAlchemy's share of a
statement would be most of its cost.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from service.domain.model import Millis, Reservation, State

HELD = """
    SELECT brand.id, campaign.id, code.code, code.state, code.reserved_at, code.expires_at
    FROM brand
    LEFT JOIN campaign ON campaign.brand_id = brand.id AND campaign.name = :campaign
    LEFT JOIN code ON code.brand_id = campaign.brand_id AND code.campaign_id = campaign.id
        AND code.user_id = :user
    WHERE brand.name = :brand
"""
"""A brand beside its campaign beside the user's code: what is missing is null."""


class Reservations(Protocol):
    """How an engine keeps the promise that a user gets one code, and a code one user.

    Raises:
        BrandNotFound, CampaignNotFound: What a name refers to does not exist.
        Unavailable: The database cannot answer now.
    """

    def find(self, brand: str, campaign: str, user: str) -> Reservation | None:
        """Return what the user holds."""

    def reserve(
        self, brand: str, campaign: str, user: str, now: Millis
    ) -> tuple[Reservation | None, bool]:
        """Return what the user holds, else give them a free code, if there is one.

        Returns:
            The reservation, and whether it is new.
        """


def as_reservation(row: Sequence[Any]) -> Reservation | None:
    """Make a reservation of a row's code, state and moments; no code means none."""
    code, state, reserved_at, expires_at = row
    return None if code is None else Reservation(code, State(state), reserved_at, expires_at)
