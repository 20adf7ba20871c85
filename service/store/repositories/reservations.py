"""Reservations: finding a user's code, and claiming a free one, with either engine.

This is the hot path, so the engines' modules call their drivers: SQLAlchemy would be most of the
cost of a statement.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from service.domain.model import Millis, Reservation, ReservationResult, State

FIND_RESERVATION = """
    SELECT brand.id, campaign.id, code.code, code.state, code.reserved_at, code.expires_at
    FROM brand
    LEFT JOIN campaign ON campaign.brand_id = brand.id AND campaign.name = :campaign
    LEFT JOIN code ON code.brand_id = campaign.brand_id AND code.campaign_id = campaign.id
        AND code.user_id = :user
    WHERE brand.name = :brand
"""
"""Columns of a brand, its campaign and the user's code, with nulls for missing ones."""


class Reservations(Protocol):
    """Reservations of an engine, which guarantee one code per user and one user per code.

    Raises:
        BrandNotFound, CampaignNotFound: What a name refers to does not exist.
        Unavailable: The database cannot answer now.
    """

    def find(self, brand: str, campaign: str, user: str) -> Reservation | None:
        """Return the user's reservation, if there is one."""

    def reserve(
        self, brand: str, campaign: str, user: str, now: Millis
    ) -> ReservationResult | None:
        """Return the user's reservation, made now if there is a free code, or `None`."""


def as_reservation(row: Sequence[Any]) -> Reservation | None:
    """Return the reservation of a row's columns; `None` if they have no code."""
    code, state, reserved_at, expires_at = row
    return None if code is None else Reservation(code, State(state), reserved_at, expires_at)
