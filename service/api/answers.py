"""From the domain's nouns to JSON, and from JSON to responses."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson
from flask import Response, request

from service.domain.model import Brand, Campaign, Code, Counts, Millis, Reservation

JSON = "application/json"
NOT_CACHED = ("Cache-Control", "no-store")
"""On every answer of the API: they hold secrets, and a GET reserves."""


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Make a JSON response, which no cache may keep."""
    response = Response(as_json(content), status, headers, mimetype=JSON)
    response.headers.set(*NOT_CACHED)
    return response


def as_json(content: Any) -> bytes:
    """Write JSON, with an end of line for people with curl."""
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def reservation_object(
    brand: str, campaign: str, user: str, reservation: Reservation
) -> dict[str, Any]:
    """Show a reservation."""
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
    """Show a code."""
    return {
        "code": code.code,
        "state": code.state,
        "created_at": timestamp(code.created_at),
        "reserved_at": timestamp(code.reserved_at),
        "expires_at": timestamp(code.expires_at),
    }


def brand_object(brand: Brand) -> dict[str, Any]:
    """Show a brand."""
    return {"brand": brand.name, "created_at": timestamp(brand.created_at)}


def campaign_object(campaign: Campaign) -> dict[str, Any]:
    """Show a campaign."""
    return {
        "brand": campaign.brand,
        "campaign": campaign.name,
        "created_at": timestamp(campaign.created_at),
    }


def with_counts(shown: dict[str, Any], counts: Counts) -> dict[str, Any]:
    """Add how many codes are in each state."""
    return {**shown, "counts": {state.value: count for state, count in counts.items()}}


def timestamp(moment: Millis | None) -> str | None:
    """Write a moment as RFC 3339 has it, in UTC with milliseconds."""
    if moment is None:
        return None
    whole, millis = divmod(moment, 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def request_path() -> str:
    """Return the path of the current request, percent-encoded (RFC 3986, section 2.1)."""
    return quote(request.path, safe="/!$&'()*+,;=:@~")
