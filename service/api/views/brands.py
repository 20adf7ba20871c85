"""Brands."""

from service.api.cursors import Cursors
from service.api.operation import Answer, operation
from service.api.pagination import reply_page
from service.api.reply import Reply
from service.api.representations import brand_object, with_counts
from service.api.schemas import requests, responses
from service.auth.authentication import current_caller
from service.auth.caller import Scope
from service.domain.errors import BrandNotFound
from service.domain.model import Brand
from service.usecases.ports.clock import system_clock
from service.usecases.ports.store import Store


class BrandViews:
    """The views of brands."""

    tag = "brands"

    def __init__(self, store: Store, cursors: Cursors) -> None:
        self._store, self._cursors = store, cursors

    @operation(
        "GET",
        "/v1/brands",
        summary="List brands",
        scope=Scope.READ,
        query=requests.PageQuery,
        answers={200: Answer("A page of brands.", responses.BrandPage, headers=("Link",))},
    )
    def list_brands(self, limit: int, cursor: str | None) -> Reply:
        """Lists the existing brands that the token grants, ordered by name."""
        page = self._store.brands(
            current_caller().brands, self._cursors.decode("brands", cursor), limit
        )
        return reply_page(self._cursors, "brands", page, _key, brand_object)

    @operation(
        "GET",
        "/v1/brands/{brand}",
        summary="Show a brand",
        scope=Scope.READ,
        parameters=requests.BrandPath,
        answers={200: Answer("The brand.", responses.BrandWithCounts)},
        refusals=(BrandNotFound,),
    )
    def show_brand(self, brand: str) -> Reply:
        """Includes the number of codes in each state, over all campaigns of the brand."""
        found, counts = self._store.brand(brand, system_clock())
        return Reply(with_counts(brand_object(found), counts))


def _key(item: Brand) -> str:
    return item.name
