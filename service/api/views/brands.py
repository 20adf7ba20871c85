"""Brands and their campaigns."""

from service.api.cursors import Cursors
from service.api.operation import Answer, operation
from service.api.pagination import reply_page
from service.api.reply import Reply
from service.api.representations import brand_object, campaign_object, with_counts
from service.api.schemas import requests, responses
from service.auth.authentication import current_caller
from service.auth.caller import Scope
from service.domain.campaigns import Campaign
from service.domain.errors import BrandNotFound, CampaignNotFound
from service.domain.model import Brand
from service.usecases.ports.store import Store


class BrandViews:
    """The views of brands and campaigns."""

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
        found, counts = self._store.brand(brand)
        return Reply(with_counts(brand_object(found), counts))

    @operation(
        "GET",
        "/v1/brands/{brand}/campaigns",
        summary="List a brand's campaigns",
        scope=Scope.READ,
        parameters=requests.BrandPath,
        query=requests.PageQuery,
        answers={200: Answer("A page of campaigns.", responses.CampaignPage, headers=("Link",))},
        refusals=(BrandNotFound,),
    )
    def list_campaigns(self, brand: str, limit: int, cursor: str | None) -> Reply:
        """Lists the campaigns of a brand, ordered by name."""
        listing = f"campaigns/{brand}"
        page = self._store.campaigns(brand, self._cursors.decode(listing, cursor), limit)
        return reply_page(self._cursors, listing, page, _key, campaign_object)

    @operation(
        "GET",
        "/v1/brands/{brand}/campaigns/{campaign}",
        summary="Show a campaign",
        scope=Scope.READ,
        parameters=requests.CampaignPath,
        answers={200: Answer("The campaign.", responses.CampaignWithCounts)},
        refusals=(BrandNotFound, CampaignNotFound),
    )
    def show_campaign(self, brand: str, campaign: str) -> Reply:
        """Includes the number of codes in each state."""
        found, counts = self._store.campaign(brand, campaign)
        return Reply(with_counts(campaign_object(found), counts))


def _key(item: Brand | Campaign) -> str:
    return item.name
