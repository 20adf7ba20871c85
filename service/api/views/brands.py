"""Brands and their campaigns."""

from flask import Blueprint, Response

from service.api.answers import answer, brand_object, campaign_object, with_counts
from service.api.cursors import Cursors
from service.api.operation import Answer, operation
from service.api.pagination import answer_page
from service.api.schemas import requests, responses
from service.auth.authentication import current_caller
from service.auth.caller import Scope
from service.domain.errors import BrandNotFound, CampaignNotFound
from service.domain.model import Brand, Campaign
from service.usecases.ports.store import Store


def brand_views(store: Store, cursors: Cursors) -> Blueprint:
    """Make the views over `store`."""
    views = Blueprint("brands", __name__)

    @operation(
        views,
        "GET",
        "/v1/brands",
        summary="List brands",
        scope=Scope.READ,
        query=requests.PageQuery,
        answers={200: Answer("A page of brands.", responses.BrandPage, headers=("Link",))},
    )
    def list_brands(limit: int, cursor: str | None) -> Response:
        """Lists the existing brands that the token grants, ordered by name."""
        page = store.brands(current_caller().brands, cursors.decode("brands", cursor), limit)
        return answer_page(cursors, "brands", page, _key, brand_object)

    @operation(
        views,
        "GET",
        "/v1/brands/{brand}",
        summary="Show a brand",
        scope=Scope.READ,
        parameters=requests.BrandPath,
        answers={200: Answer("The brand.", responses.BrandWithCounts)},
        refusals=(BrandNotFound,),
    )
    def show_brand(brand: str) -> Response:
        """Includes the number of codes in each state, over all campaigns of the brand."""
        found, counts = store.brand(brand)
        return answer(with_counts(brand_object(found), counts))

    @operation(
        views,
        "GET",
        "/v1/brands/{brand}/campaigns",
        summary="List a brand's campaigns",
        scope=Scope.READ,
        parameters=requests.BrandPath,
        query=requests.PageQuery,
        answers={200: Answer("A page of campaigns.", responses.CampaignPage, headers=("Link",))},
        refusals=(BrandNotFound,),
    )
    def list_campaigns(brand: str, limit: int, cursor: str | None) -> Response:
        """Lists the campaigns of a brand, ordered by name."""
        listing = f"campaigns/{brand}"
        page = store.campaigns(brand, cursors.decode(listing, cursor), limit)
        return answer_page(cursors, listing, page, _key, campaign_object)

    @operation(
        views,
        "GET",
        "/v1/brands/{brand}/campaigns/{campaign}",
        summary="Show a campaign",
        scope=Scope.READ,
        parameters=requests.CampaignPath,
        answers={200: Answer("The campaign.", responses.CampaignWithCounts)},
        refusals=(BrandNotFound, CampaignNotFound),
    )
    def show_campaign(brand: str, campaign: str) -> Response:
        """Includes the number of codes in each state."""
        found, counts = store.campaign(brand, campaign)
        return answer(with_counts(campaign_object(found), counts))

    return views


def _key(item: Brand | Campaign) -> str:
    return item.name
