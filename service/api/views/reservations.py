"""Reservations: one code for each user of a campaign."""

from service.api.conditions import reservation_etag
from service.api.operation import Answer, operation
from service.api.reply import Reply
from service.api.representations import reservation_object
from service.api.schemas import requests, responses
from service.auth.caller import Scope
from service.domain.erasure import Tombstones
from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    CampaignNotOpen,
    NoCodesLeft,
    ReservationNotFound,
    UserErased,
)
from service.domain.model import Reservation, ReservationResult
from service.observability.exchange import current_record
from service.observability.metrics.instruments import Metrics
from service.usecases import reservations
from service.usecases.ports.store import Store

RESERVE_REFUSALS = (BrandNotFound, CampaignNotFound, UserErased, CampaignNotOpen, NoCodesLeft)
PATH = "/v1/brands/{brand}/campaigns/{campaign}/reservations/{user}"


def reserve(
    store: Store, metrics: Metrics, tombstones: Tombstones, brand: str, campaign: str, user: str
) -> ReservationResult:
    """Reserve a code, and record the outcome."""

    def record(outcome: str) -> None:
        metrics.reservation(outcome)
        current_record().outcome = outcome

    try:
        result = reservations.reserve(store, brand, campaign, user, tombstones=tombstones)
    except NoCodesLeft:
        record("exhausted")
        metrics.pool_exhausted(brand, campaign)
        raise
    record("new" if result.new else "repeated")
    return result


class ReservationViews:
    """The views of reservations."""

    tag = "reservations"

    def __init__(self, store: Store, metrics: Metrics, tombstones: Tombstones) -> None:
        self._store, self._metrics, self._tombstones = store, metrics, tombstones

    @operation(
        "PUT",
        PATH,
        summary="Reserve a code for a user",
        scope=Scope.RESERVE,
        parameters=requests.ReservationPath,
        answers={
            201: Answer("A new reservation.", responses.Reservation, headers=("ETag",)),
            200: Answer(
                "An existing reservation; nothing was changed.",
                responses.Reservation,
                headers=("ETag",),
            ),
        },
        refusals=RESERVE_REFUSALS,
        fast_path=True,
    )
    def put_reservation(self, brand: str, campaign: str, user: str) -> Reply:
        """Reserves a code for the user, who gets the same code whenever the call is repeated."""
        result = reserve(self._store, self._metrics, self._tombstones, brand, campaign, user)
        return _reply(brand, campaign, user, result.reservation, 201 if result.new else 200)

    @operation(
        "GET",
        PATH,
        summary="Show a user's reservation",
        scope=Scope.READ,
        parameters=requests.ReservationPath,
        answers={200: Answer("The reservation.", responses.Reservation, headers=("ETag",))},
        refusals=(BrandNotFound, CampaignNotFound, ReservationNotFound),
        fast_path=True,
    )
    def show_reservation(self, brand: str, campaign: str, user: str) -> Reply:
        """Returns the user's reservation, and reserves nothing."""
        reservation = reservations.show_reservation(self._store, brand, campaign, user)
        return _reply(brand, campaign, user, reservation)


def _reply(
    brand: str, campaign: str, user: str, reservation: Reservation, status: int = 200
) -> Reply:
    etag = ("ETag", reservation_etag(reservation.code, reservation.version))
    return Reply(reservation_object(brand, campaign, user, reservation), status, (etag,))
