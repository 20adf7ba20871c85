"""The two original calls, which must never change."""

from service.api.operation import Answer, operation
from service.api.reply import Reply
from service.api.schemas import requests, responses
from service.api.views.codes import CODES_ANSWER, CREATE_REFUSALS, create
from service.api.views.reservations import RESERVE_REFUSALS, reserve
from service.auth.caller import Scope
from service.domain.erasure import Tombstones
from service.observability.metrics.instruments import Metrics
from service.usecases.ports.store import Store


class DiscountViews:
    """The views of the original calls."""

    tag = "discount"

    def __init__(self, store: Store, metrics: Metrics, tombstones: Tombstones) -> None:
        self._store, self._metrics, self._tombstones = store, metrics, tombstones

    @operation(
        "POST",
        "/v1/discount/create",
        summary="Create codes for a brand",
        scope=Scope.CREATE,
        header=requests.IdempotencyHeader,
        body=requests.CreateDiscount,
        answers={200: CODES_ANSWER},
        refusals=CREATE_REFUSALS,
    )
    def post_v1_discount_create(
        self, brand: str, campaign: str, number_to_create: int, idempotency_key: str | None
    ) -> Reply:
        """Creates all codes or none. The first codes of a brand also create the brand."""
        count = number_to_create
        return create(
            self._store, self._metrics, brand, campaign, count, key=idempotency_key, status=200
        )

    @operation(
        "GET",
        "/v1/discount/fetch/{brand}/{user}",
        summary="Give a user a code",
        scope=Scope.RESERVE,
        parameters=requests.FetchPath,
        query=requests.FetchQuery,
        answers={200: Answer("The user's code.", responses.DiscountCode)},
        refusals=RESERVE_REFUSALS,
        head=False,
        fast_path=True,
    )
    def get_v1_discount_fetch__brand___user_(self, brand: str, user: str, campaign: str) -> Reply:
        """Returns the user's code, and reserves one if the user has none.

        This GET changes state; `PUT /v1/brands/{brand}/campaigns/{campaign}/reservations/{user}`
        does the same with a method that fits.
        """
        reservation = reserve(
            self._store, self._metrics, self._tombstones, brand, campaign, user
        ).reservation
        return Reply({"discount_code": reservation.code})
