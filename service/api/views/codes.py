"""The codes of a campaign: creation and listing."""

from service.api.cursors import Cursors
from service.api.idempotency import REPLAYED, idempotency_of, reply_idempotent
from service.api.operation import Answer, operation
from service.api.pagination import reply_page
from service.api.reply import Reply
from service.api.representations import code_object
from service.api.schemas import requests, responses
from service.auth.caller import Scope
from service.domain.codes import ALPHABET, LENGTH
from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    CampaignNotOpen,
    CodeSpaceExhausted,
    Conflict,
    Guessable,
    InputError,
    InsufficientStorage,
    InvalidRequest,
)
from service.domain.model import Code, State
from service.observability.exchange import current_record
from service.observability.metrics.instruments import Metrics
from service.usecases.codes import MAX_PER_CALL, create_codes
from service.usecases.ports.clock import system_clock
from service.usecases.ports.store import Store, UnknownPosition

CREATE_REFUSALS = (
    BrandNotFound,
    CampaignNotFound,
    CampaignNotOpen,
    Guessable,
    Conflict,
    CodeSpaceExhausted,
    InsufficientStorage,
)
GONE = InputError("/cursor", "The item that the cursor refers to no longer exists.")
CODES_ANSWER = Answer(
    f"The new codes. Each has {LENGTH} characters of `{ALPHABET}`.",
    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_PER_CALL},
    example=["QMYFRFPA99E7", "7KJSE5AG3CVE"],
    headers=(REPLAYED,),
)


def create(
    store: Store,
    metrics: Metrics,
    brand: str,
    campaign: str,
    count: int,
    *,
    key: str | None,
    status: int,
) -> Reply:
    """Create codes, or replay the answer to a repeated request."""
    idempotency = idempotency_of(key, [brand, campaign, count])
    codes, new = create_codes(store, brand, campaign, count, idempotency=idempotency)
    if new:
        metrics.created(len(codes))
    current_record().outcome = "created" if new else "replayed"
    return reply_idempotent(codes, status, new=new)


class CodeViews:
    """The views of codes."""

    tag = "codes"

    def __init__(self, store: Store, metrics: Metrics, cursors: Cursors) -> None:
        self._store, self._metrics, self._cursors = store, metrics, cursors

    @operation(
        "POST",
        "/v1/brands/{brand}/campaigns/{campaign}/codes",
        summary="Create codes in a campaign",
        scope=Scope.CREATE,
        parameters=requests.CampaignPath,
        header=requests.IdempotencyHeader,
        body=requests.CreateCodes,
        answers={201: CODES_ANSWER},
        refusals=CREATE_REFUSALS,
    )
    def create_campaign_codes(
        self, brand: str, campaign: str, number_to_create: int, idempotency_key: str | None
    ) -> Reply:
        """Creates all codes or none."""
        count = number_to_create
        return create(
            self._store, self._metrics, brand, campaign, count, key=idempotency_key, status=201
        )

    @operation(
        "GET",
        "/v1/brands/{brand}/campaigns/{campaign}/codes",
        summary="List a campaign's codes",
        scope=Scope.EXPORT,
        parameters=requests.CampaignPath,
        query=requests.CodesQuery,
        answers={200: Answer("A page of codes.", responses.CodePage, headers=("Link",))},
        refusals=(BrandNotFound, CampaignNotFound),
    )
    def list_codes(
        self, brand: str, campaign: str, state: State | None, limit: int, cursor: str | None
    ) -> Reply:
        """Lists the codes in a stable order, including secret codes that no user has yet."""
        listing = f"codes/{brand}/{campaign}/{state}"
        after = self._cursors.decode(listing, cursor)
        try:
            page = self._store.codes(brand, campaign, state, after, limit, system_clock())
        except UnknownPosition as error:
            raise InvalidRequest([GONE]) from error
        return reply_page(self._cursors, listing, page, _key, code_object)


def _key(code: Code) -> str:
    return code.code
