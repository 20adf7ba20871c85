"""JSON representations of the domain's objects."""

from typing import Any

from service.api.schemas.campaign_rules import rules_object
from service.domain.campaigns import Campaign, CampaignWithCounts
from service.domain.code_formats import guess
from service.domain.model import Brand, Code, Counts, Millis, Reservation
from service.formats.columns import CODE_COLUMNS
from service.formats.timestamps import timestamp
from service.usecases.code_lookup import CodeDetails, Holder


def reservation_object(
    brand: str, campaign: str, user: str, reservation: Reservation
) -> dict[str, Any]:
    """Return the representation of a reservation."""
    return {
        "discount_code": reservation.code,
        "state": reservation.state,
        "brand": brand,
        "campaign": campaign,
        "user": user,
        "reserved_at": timestamp(reservation.reserved_at),
        "expires_at": timestamp(reservation.expires_at),
    }


def code_object(code: Code) -> dict[str, Any]:
    """Return the representation of a code."""
    moments = (code.created_at, code.reserved_at, code.expires_at, code.redeemed_at)
    values = (code.code, code.state, *map(timestamp, moments), code.version)
    return dict(zip(CODE_COLUMNS, values, strict=True))


def code_details_object(found: CodeDetails) -> dict[str, Any]:
    """Return the representation of a code that was looked up."""
    return {
        "code": found.code,
        "state": found.state,
        "created_at": timestamp(found.created_at),
        "reserved_at": timestamp(found.reserved_at),
        "expires_at": timestamp(found.expires_at),
        "campaign": found.campaign,
        "discount": found.discount,
        "starts_at": timestamp(found.starts_at),
        "redeemed_at": timestamp(found.redeemed_at),
        "held_until": timestamp(found.held_until),
        "code_id": found.code_id,
        "version": found.version,
    }


def holder_object(holder: Holder) -> dict[str, Any]:
    """Return the representation of a code's holder."""
    return {
        "user": holder.user,
        "campaign": holder.campaign,
        "reserved_at": timestamp(holder.reserved_at),
    }


def brand_object(brand: Brand) -> dict[str, Any]:
    """Return the representation of a brand."""
    return {"brand": brand.name, "created_at": timestamp(brand.created_at)}


def campaign_object(campaign: Campaign) -> dict[str, Any]:
    """Return the representation of a campaign."""
    return {
        "brand": campaign.brand,
        "campaign": campaign.name,
        "created_at": timestamp(campaign.created_at),
        "archived": campaign.archived,
    }


def with_counts(shown: dict[str, Any], counts: Counts) -> dict[str, Any]:
    """Add the number of codes in each state to a representation."""
    return {**shown, "counts": {state.value: count for state, count in counts.items()}}


def full_campaign(found: CampaignWithCounts, now: Millis) -> dict[str, Any]:
    """Return the representation of a campaign with its rules."""
    campaign, rules, counts = found.campaign, found.rules, found.counts_at(now)
    return {
        **with_counts(campaign_object(campaign), counts),
        "open": rules.closed(now) is None,
        "guess": guess(rules.code_format, sum(counts.values()))._asdict(),
        "rules": rules_object(rules),
    }
