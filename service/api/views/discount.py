"""The two calls that must never change."""

from service.api.operation import Answer, operation
from service.api.reply import Reply
from service.api.schemas import requests, responses
from service.api.views.codes import CODES_ANSWER, create
from service.api.views.reservations import reserve
from service.auth.caller import Scope
from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    CodeSpaceExhausted,
    Conflict,
    InsufficientStorage,
    NoCodesLeft,
)
from service.observability.metrics.instruments import Metrics
from service.usecases.ports.store import Store


class DiscountViews:
    """Their views."""

    tag = "discount"

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store, self._metrics = store, metrics

    @operation(
        "POST",
        "/v1/discount/create",
        summary="Create codes for a brand",
        scope=Scope.CREATE,
        header=requests.IdempotencyHeader,
        body=requests.CreateDiscount,
        answers={200: CODES_ANSWER},
        refusals=(
            *(BrandNotFound, CampaignNotFound, Conflict, CodeSpaceExhausted),
            InsufficientStorage,
        ),
    )
    def post_v1_discount_create(
        self, brand: str, campaign: str, number_to_create: int, idempotency_key: str | None
    ) -> Reply:
        """All the codes are created, or none. A brand comes into being with its first codes."""
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
        refusals=(BrandNotFound, CampaignNotFound, NoCodesLeft),
        head=False,
        fast_path=True,
    )
    def get_v1_discount_fetch__brand___user_(self, brand: str, user: str, campaign: str) -> Reply:
        """The code that was reserved for the user before, else one that is reserved now.

        This GET changes state; `PUT /v1/brands/{brand}/campaigns/{campaign}/reservations/{user}`
        does the same under a fitting verb.
        """
        reservation, _ = reserve(self._store, self._metrics, brand, campaign, user)
        return Reply({"discount_code": reservation.code})
