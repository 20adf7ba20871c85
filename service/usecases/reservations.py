"""Reservations: a user gets one code of a campaign, and keeps it."""

from service.domain.erasure import Tombstones, no_tombstones
from service.domain.errors import ReservationNotFound
from service.domain.model import Reservation, ReservationResult
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.store import Store


def reserve(
    store: Store,
    brand: str,
    campaign: str,
    user: str,
    *,
    tombstones: Tombstones = no_tombstones,
    clock: Clock = system_clock,
) -> ReservationResult:
    """Return the user's reservation, made now if there is none yet.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        UserErased: The user holds no code, and was erased.
        CampaignNotOpen: The user holds no code, and the campaign is closed.
        NoCodesLeft: The user holds no code, and none is available.
    """
    return store.reserve(brand, campaign, user, clock(), tombstones)


def show_reservation(
    store: Store, brand: str, campaign: str, user: str, clock: Clock = system_clock
) -> Reservation:
    """Return the user's reservation without making one.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        ReservationNotFound: The user holds nothing.
    """
    held = store.find_reservation(brand, campaign, user, clock())
    if held is None:
        raise ReservationNotFound
    return held
