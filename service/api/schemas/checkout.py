"""marshmallow schemas of the calls of a checkout: redemptions, holds and releases."""

from typing import Any

from marshmallow import fields, validate

from service.api.schemas.campaign_rules import StrictBoolean
from service.api.schemas.fields import CodeText, Name
from service.api.schemas.output import Output, moment
from service.api.schemas.requests import ENTITY_TAGS, BrandPath, Input, flag, nothing
from service.api.schemas.rules_shown import Discount
from service.domain import names
from service.domain.redeeming import DEFAULT_HOLD_S, MAX_HOLD_S, MIN_HOLD_S


def _code(**options: Any) -> CodeText:
    return CodeText(required=True, metadata={"example": "QMYFRFPA99E7", **options})


def _reference() -> Name:
    return Name(
        required=True,
        longest=names.MAX_USER,
        metadata={"example": "order-1", "description": "The order's id in the caller's system."},
    )


def _user(*, null: bool = False, description: str = "The user of the order.") -> Name:
    return Name(
        required=True,
        allow_none=null,
        longest=names.MAX_USER,
        metadata={"example": "user1", "description": description},
    )


def _discount() -> fields.Nested:
    return fields.Nested(
        Discount,
        required=True,
        allow_none=True,
        metadata={
            "description": "What the code is worth, by the rules of its campaign.",
            "example": {"type": "percent", "value": "15"},
        },
    )


class BrandCodePath(BrandPath):
    """A code of a brand."""

    code = _code(description="A code.")


class ReferenceQuery(Input):
    """The query of a call about one order."""

    reference = _reference()


class RedeemQuery(Input):
    """The query of a redemption."""

    dry_run = flag("Answer what would be, and change nothing.")


class RedeemBody(Input):
    """The body of a redemption."""

    reference = _reference()
    user = _user()


class HoldBody(RedeemBody):
    """The body of a hold."""

    ttl_s = fields.Integer(
        strict=True,
        load_default=DEFAULT_HOLD_S,
        validate=validate.Range(MIN_HOLD_S, MAX_HOLD_S),
        metadata={"description": "Seconds from now until the hold ends."},
    )
    take_over = StrictBoolean(
        load_default=False,
        metadata={"description": "Take over the hold of another order; its begin stays."},
    )


class MatchHeader(Input):
    """The header field of a conditional call (RFC 9110, section 13.1.1)."""

    if_match = fields.String(
        data_key="If-Match",
        load_default=nothing,
        metadata={
            "description": "Release only the reservation that has this `ETag`.",
            "pattern": ENTITY_TAGS,
        },
    )


class HoldObject(Output):
    """A code that an order holds."""

    code = _code()
    reference = _reference()
    held_until = moment("When the hold ends")
    discount = _discount()


class RedemptionObject(Output):
    """A code that an order has redeemed."""

    code = _code()
    campaign = Name(required=True, metadata={"example": names.DEFAULT_CAMPAIGN})
    user = _user(null=True, description="Who redeemed the code; null after an erasure.")
    reference = _reference()
    redeemed_at = moment("When the code was redeemed")
    discount = _discount()


class PastRedemptionObject(RedemptionObject):
    """What an order did with a code."""

    user = _user(null=True, description="Null after an erasure, or an undo that came first.")
    redeemed_at = moment("When the code was redeemed; null if it was undone before", null=True)
    undone_at = moment("When it was undone; missing unless it was", required=False)
