"""Schemas of a code as a checkout looks it up, and of its holder."""

from marshmallow import fields, validate

from service.api.schemas.fields import Name
from service.api.schemas.output import Output, moment
from service.api.schemas.responses import CodeObject
from service.api.schemas.rules_shown import Discount
from service.domain import names
from service.domain.code_ids import ID_LENGTH


class CodeDetails(CodeObject):
    """A code, with what a checkout needs of its campaign; without its holder."""

    campaign = Name(required=True, metadata={"example": names.DEFAULT_CAMPAIGN})
    discount = fields.Nested(
        Discount,
        required=True,
        allow_none=True,
        metadata={
            "description": "What the code is worth, by the rules of its campaign.",
            "example": {"type": "percent", "value": "15"},
        },
    )
    starts_at = moment("When the code can first be redeemed, if not at once", null=True)
    redeemed_at = moment("When the code was redeemed, if it is", null=True)
    held_until = moment("Until when a checkout holds the code, if one does", null=True)
    code_id = fields.String(
        required=True,
        metadata={
            "description": "An id that does not show the code, as in events.",
            "pattern": f"^[0-9a-f]{{{ID_LENGTH}}}$",
            "example": "3b1f8a5e0c9d47b2a6f4e1d8c7b09a35",
        },
    )
    version = fields.Integer(
        required=True,
        validate=validate.Range(min=0),
        metadata={"description": "Rises with each change of the code.", "example": 0},
    )


class HolderObject(Output):
    """Who holds a code."""

    user = Name(required=True, longest=names.MAX_USER, metadata={"example": "user1"})
    campaign = Name(required=True, metadata={"example": names.DEFAULT_CAMPAIGN})
    reserved_at = moment("When the code was reserved")
