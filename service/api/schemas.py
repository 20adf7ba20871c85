"""What comes in and goes out, as marshmallow schemas: parsed with and documented from.

Every limit comes from the domain or the use case that owns it. Input schemas refuse what
they do not know; the numbers in a JSON body must be JSON integers.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from service.domain import codes, names
from service.domain.errors import PROBLEMS
from service.domain.model import State
from service.usecases.codes import MAX_PER_CALL

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
MAX_CURSOR = 1024

_NAME_RULE = (
    "any characters but control characters, surrogates and '/', no space at either end, "
    "and not '.' or '..'"
)


class Name(fields.String):
    """The name of a brand or campaign, or a user id."""

    def __init__(self, *, longest: int = names.MAX_NAME, **options: Any) -> None:
        """Allow up to `longest` characters."""
        self._longest = longest
        super().__init__(
            validate=self._check,
            metadata={"minLength": 1, "maxLength": longest, "pattern": names.PATTERN}
            | options.pop("metadata", {}),
            **options,
        )

    def _check(self, text: str) -> None:
        if not names.is_name(text, self._longest):
            raise ValidationError(f"Must have 1 to {self._longest} characters: {_NAME_RULE}.")


class CodeText(fields.String):
    """A code."""

    def __init__(self, **options: Any) -> None:
        """Allow what the domain calls a code."""
        super().__init__(
            validate=self._check,
            metadata={
                "minLength": codes.MIN_LENGTH,
                "maxLength": codes.MAX_LENGTH,
                "pattern": codes.PATTERN,
            }
            | options.pop("metadata", {}),
            **options,
        )

    @staticmethod
    def _check(text: str) -> None:
        if not codes.is_code(text):
            raise ValidationError(
                f"Must have {codes.MIN_LENGTH} to {codes.MAX_LENGTH} of A-Z, a-z, 0-9 and '-', "
                "the first and the last a letter or digit."
            )


class DecimalText(fields.Integer):
    """A number in a query: decimal digits and nothing else (`int` takes more than it should)."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdecimal()):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Input(Schema):
    """Base of what comes in."""

    class Meta:
        """Refuse unknown members."""

        unknown = RAISE


def _nothing() -> None:
    """Stand for a parameter that is not there; were it `None`, the document would allow null."""


class BrandPath(Input):
    """A brand."""

    brand = Name(required=True, metadata={"example": "brand1", "description": "Name of a brand."})


class CampaignPath(BrandPath):
    """A campaign of a brand."""

    campaign = Name(
        required=True,
        metadata={"example": names.DEFAULT_CAMPAIGN, "description": "Name of a campaign."},
    )


class CodePath(CampaignPath):
    """A code of a campaign."""

    code = CodeText(required=True, metadata={"example": "QMYFRFPA99E7", "description": "A code."})


class ReservationPath(CampaignPath):
    """A user's reservation in a campaign."""

    user = Name(
        required=True,
        longest=names.MAX_USER,
        metadata={"example": "user1", "description": "The caller's own id of a user."},
    )


class FetchPath(BrandPath):
    """A user of a brand."""

    user = Name(
        required=True,
        longest=names.MAX_USER,
        metadata={"example": "user1", "description": "The caller's own id of a user."},
    )


class FetchQuery(Input):
    """Which pool to take from."""

    campaign = Name(
        load_default=names.DEFAULT_CAMPAIGN,
        metadata={"description": "Name of a campaign."},
    )


class PageQuery(Input):
    """Which part of a listing."""

    limit = DecimalText(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(1, MAX_LIMIT),
        metadata={"description": "Most items on the page."},
    )
    cursor = fields.String(
        load_default=_nothing,
        validate=validate.Length(1, MAX_CURSOR),
        metadata={"description": "`next_cursor` of the page before."},
    )


class CodesQuery(PageQuery):
    """Which codes."""

    state = fields.Enum(
        State,
        by_value=True,
        load_default=_nothing,
        metadata={"description": "Only codes in this state."},
    )


class IdempotencyHeader(Input):
    """Tells a repeated request from a new one."""

    idempotency_key = fields.String(
        data_key="Idempotency-Key",
        load_default=_nothing,
        validate=validate.Regexp(r"^[\x21-\x7e]{1,255}\Z", error="Not 1 to 255 visible ASCII."),
        metadata={
            "description": "A key of yours for this request. The same key and body within 24 "
            "hours get the first answer again; another body is a conflict.",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[\\x21-\\x7e]{1,255}$",
        },
    )


class CreateCodes(Input):
    """How many codes."""

    number_to_create = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, MAX_PER_CALL),
        metadata={"example": 10, "description": "How many codes to create."},
    )


class CreateDiscount(CreateCodes):
    """For which brand how many codes."""

    brand = Name(required=True, metadata={"example": "brand1", "description": "Name of a brand."})
    campaign = Name(
        load_default=names.DEFAULT_CAMPAIGN,
        metadata={"description": "Name of a campaign; `default` is made if it is not there."},
    )


def _moment(description: str, *, null: bool = False) -> fields.AwareDateTime:
    example = None if null else "2026-11-22T13:01:40.123Z"
    return fields.AwareDateTime(
        required=True,
        allow_none=null,
        metadata={"description": f"{description} (RFC 3339, UTC).", "example": example},
    )


def _state(example: State) -> fields.Enum[State]:
    return fields.Enum(State, by_value=True, required=True, metadata={"example": example.value})


class DiscountCode(Schema):
    """The user's code."""

    discount_code = CodeText(required=True, metadata={"example": "QMYFRFPA99E7"})


class Reservation(DiscountCode):
    """A user's reservation."""

    state = _state(State.RESERVED)
    brand = Name(required=True, metadata={"example": "brand1"})
    campaign = Name(required=True, metadata={"example": names.DEFAULT_CAMPAIGN})
    user = Name(required=True, longest=names.MAX_USER, metadata={"example": "user1"})
    reserved_at = _moment("When it was reserved")
    expires_at = _moment("When it expires, if it does", null=True)


class CodeObject(Schema):
    """A code, without whoever holds it."""

    code = CodeText(required=True, metadata={"example": "QMYFRFPA99E7"})
    state = _state(State.AVAILABLE)
    created_at = _moment("When it was created")
    reserved_at = _moment("When it was reserved, if it was", null=True)
    expires_at = _moment("When it expires, if it does", null=True)


class BrandObject(Schema):
    """A brand."""

    brand = Name(required=True, metadata={"example": "brand1"})
    created_at = _moment("When its first codes were created")


class CampaignObject(BrandObject):
    """A campaign."""

    campaign = Name(required=True, metadata={"example": names.DEFAULT_CAMPAIGN})


def _count(example: int) -> fields.Integer:
    return fields.Integer(
        required=True, validate=validate.Range(min=0), metadata={"example": example}
    )


class CountsObject(Schema):
    """How many codes are in each state."""

    available = _count(9)
    reserved = _count(1)
    redeemed = _count(0)
    expired = _count(0)
    disabled = _count(0)


class BrandWithCounts(BrandObject):
    """A brand and how many codes it has in each state."""

    counts = fields.Nested(CountsObject, required=True)


class CampaignWithCounts(CampaignObject):
    """A campaign and how many codes it has in each state."""

    counts = fields.Nested(CountsObject, required=True)


class PageObject(Schema):
    """A part of a listing."""

    next_cursor = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Asks for the next page; null on the last.", "example": None},
    )


def _items(schema: type[Schema]) -> fields.List[Any]:
    return fields.List(
        fields.Nested(schema), required=True, validate=validate.Length(max=MAX_LIMIT)
    )


class BrandPage(PageObject):
    """A page of brands."""

    items = _items(BrandObject)


class CampaignPage(PageObject):
    """A page of campaigns."""

    items = _items(CampaignObject)


class CodePage(PageObject):
    """A page of codes."""

    items = _items(CodeObject)


class InputErrorObject(Schema):
    """One fault in the input."""

    pointer = fields.String(
        required=True,
        metadata={"description": "Where: a JSON pointer (RFC 6901).", "example": "/brand"},
    )
    detail = fields.String(required=True, metadata={"description": "What is wrong."})


class ProblemObject(Schema):
    """Why a call was refused or failed (RFC 9457)."""

    type = fields.String(
        required=True,
        validate=validate.OneOf([f"/problems/{problem.slug}" for problem in PROBLEMS]),
        metadata={"description": "The page that explains it.", "format": "uri-reference"},
    )
    title = fields.String(required=True)
    status = fields.Integer(required=True, metadata={"description": "The HTTP status code."})
    detail = fields.String(required=True)
    instance = fields.String(required=True, metadata={"format": "uri-reference"})
    request_id = fields.String(required=True)
    errors = fields.List(
        fields.Nested(InputErrorObject),
        metadata={"description": "For bad input: each fault."},
    )
