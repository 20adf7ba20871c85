"""Reservations: a user gets one code of a campaign, and keeps it."""

from service.domain.errors import ReservationNotFound
from service.domain.model import Reservation, ReservationResult
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.store import Store


def reserve(
    store: Store, brand: str, campaign: str, user: str, clock: Clock = system_clock
) -> ReservationResult:
    """Return the user's reservation, made now if there is none yet.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        NoCodesLeft: The user holds no code, and none is available.
    """
    return store.reserve(brand, campaign, user, clock())


def show_reservation(store: Store, brand: str, campaign: str, user: str) -> Reservation:
    """Return the user's reservation without making one.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        ReservationNotFound: The user holds nothing.
    """
    held = store.find_reservation(brand, campaign, user)
    if held is None:
        raise ReservationNotFound
    return held
