"""The schema of a campaign's rules as they are shown."""

from marshmallow import fields

from service.api.schemas.output import Output, flag, moment, word
from service.domain import codes
from service.domain.campaigns import OnLapse, OnRelease, RedeemBy

_DISCOUNT = {"type": "percent", "value": "15"}


class Discount(Output):
    """What a code is worth, as its caller wrote it."""

    type = fields.String(
        required=True,
        metadata={"description": "`percent`, `amount` or `other`.", "example": "percent"},
    )
    value = fields.String(
        metadata={"description": "A decimal number, unless the type is `other`.", "example": "15"}
    )
    currency = fields.String(metadata={"description": "Of an amount (ISO 4217)."})
    description = fields.String(metadata={"description": "Of another kind of discount."})


class CodeFormatObject(Output):
    """The format of a campaign's codes."""

    pattern = fields.String(required=True, metadata={"example": "SUMMER-####-####"})
    alphabet = fields.String(required=True, metadata={"example": codes.ALPHABET})
    check = flag("Whether the last random place is a check character.")
    accept_guessable = flag("Whether codes may be easy to guess.")


class RulesObject(Output):
    """The rules of a campaign; as a body of PUT they change nothing."""

    discount = fields.Nested(
        Discount, required=True, allow_none=True, metadata={"example": _DISCOUNT}
    )
    claims_from = moment("When the first codes are handed out", null=True)
    starts_at = moment("When codes can first be redeemed", null=True)
    ends_at = moment("When the campaign ends", null=True)
    reservation_ttl_s = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Seconds after which a reservation ends.", "example": None},
    )
    on_lapse = word(OnLapse.EXPIRE)
    on_release = word(OnRelease.RETIRE)
    redeem_by = word(RedeemBy.HOLDER)
    code_format = fields.Nested(
        CodeFormatObject, required=True, allow_none=True, metadata={"example": None}
    )
    low_at = fields.List(fields.Integer(), required=True, metadata={"example": [100]})
    reserved_events = flag("Whether each reservation is an event.")
    paused = flag("Whether no codes are handed out for the time being.")
    archived = flag("Whether the campaign is over for good.")
    metadata = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={"description": "What its caller keeps with it.", "example": {}},
    )
