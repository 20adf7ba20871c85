"""Campaigns: their rules, and the number of their codes."""

from functools import partial

from service.api.conditions import etag_of, require_match
from service.api.cursors import Cursors
from service.api.operation import Answer, operation
from service.api.pagination import reply_page
from service.api.reply import Reply
from service.api.representations import campaign_object, full_campaign
from service.api.schemas import requests, responses
from service.api.schemas.campaign_rules import RulesBody, rules_object
from service.auth.caller import Scope
from service.domain.campaigns import Campaign, CampaignWithCounts, Rules
from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    Guessable,
    InsufficientStorage,
    PreconditionFailed,
    TermsFixed,
)
from service.domain.model import Millis
from service.usecases.campaigns import WantedRules, archive_campaign, put_campaign
from service.usecases.ports.clock import system_clock
from service.usecases.ports.store import Store

_PATH = "/v1/brands/{brand}/campaigns/{campaign}"


class CampaignViews:
    """The views of campaigns."""

    tag = "campaigns"

    def __init__(self, store: Store, cursors: Cursors) -> None:
        self._store, self._cursors = store, cursors

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
        _PATH,
        summary="Show a campaign",
        scope=Scope.READ,
        parameters=requests.CampaignPath,
        answers={200: Answer("The campaign.", responses.FullCampaign, headers=("ETag",))},
        refusals=(BrandNotFound, CampaignNotFound),
    )
    def show_campaign(self, brand: str, campaign: str) -> Reply:
        """Includes its rules, and the number of codes in each state."""
        return _reply(self._store.campaign(brand, campaign), system_clock())

    @operation(
        "PUT",
        _PATH,
        summary="Set a campaign's rules",
        scope=Scope.MANAGE,
        parameters=requests.CampaignPath,
        query=requests.PutCampaignQuery,
        header=requests.ConditionHeaders,
        body=RulesBody,
        answers={
            200: Answer("The rules were replaced.", responses.FullCampaign, headers=("ETag",)),
            201: Answer("The campaign is new.", responses.FullCampaign, headers=("ETag",)),
        },
        refusals=(BrandNotFound, PreconditionFailed, TermsFixed, Guessable, InsufficientStorage),
    )
    def put_campaign(
        self,
        brand: str,
        campaign: str,
        rules: Rules,
        if_match: str | None,
        if_none_match: str | None,
        *,
        shorten: bool,
        dry_run: bool,
    ) -> Reply:
        """Replaces all rules; the campaign is created with its brand if needed.

        Once codes can be claimed, what users were promised is fixed.
        """
        precondition = partial(_require, if_match, if_none_match)
        wanted = WantedRules(rules, precondition, shorten=shorten, dry_run=dry_run)
        found, new = put_campaign(self._store, brand, campaign, wanted)
        return _reply(found, system_clock(), 201 if new and not dry_run else 200)

    @operation(
        "DELETE",
        _PATH,
        summary="Archive a campaign",
        scope=Scope.MANAGE,
        parameters=requests.CampaignPath,
        header=requests.ConditionHeaders,
        answers={204: Answer("The campaign is archived.", None)},
        refusals=(BrandNotFound, CampaignNotFound, PreconditionFailed),
    )
    def archive_campaign(
        self, brand: str, campaign: str, if_match: str | None, if_none_match: str | None
    ) -> Reply:
        """Ends the claims of a campaign, and cancels the jobs that create codes for it.

        Users keep their codes. `PUT` with `"archived": false` opens it again.
        """
        precondition = partial(_require, if_match, if_none_match)
        archive_campaign(self._store, brand, campaign, precondition=precondition)
        return Reply(None, 204)


def _reply(found: CampaignWithCounts, now: Millis, status: int = 200) -> Reply:
    etag = ("ETag", etag_of(rules_object(found.rules)))
    return Reply(full_campaign(found, now), status, [etag])


def _require(if_match: str | None, if_none_match: str | None, rules: Rules | None) -> None:
    """Judge the present rules of a campaign by the caller's conditions.

    Raises:
        PreconditionFailed: They do not hold.
    """
    require_match(etag_of(rules_object(rules)) if rules else None, if_match, if_none_match)


def _key(campaign: Campaign) -> str:
    return campaign.name
