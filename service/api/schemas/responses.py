"""marshmallow schemas of answers, for documentation and tests."""

from typing import Any

from marshmallow import fields, validate

from service.api.problems.catalogue import PROBLEM_TYPES
from service.api.schemas.fields import CodeText, Name
from service.api.schemas.output import Output, moment
from service.api.schemas.requests import MAX_LIMIT
from service.api.schemas.rules_shown import RulesObject
from service.domain import names
from service.domain.jobs import JobKind, JobState
from service.domain.model import State
from service.formats.refusals import Reason


def _state(example: State) -> fields.Enum[State]:
    return fields.Enum(State, by_value=True, required=True, metadata={"example": example.value})


class DiscountCode(Output):
    """The user's code."""

    discount_code = CodeText(required=True, metadata={"example": "QMYFRFPA99E7"})


class Reservation(DiscountCode):
    """A user's reservation."""

    state = _state(State.RESERVED)
    brand = Name(required=True, metadata={"example": "brand1"})
    campaign = Name(required=True, metadata={"example": names.DEFAULT_CAMPAIGN})
    user = Name(required=True, longest=names.MAX_USER, metadata={"example": "user1"})
    reserved_at = moment("When the code was reserved")
    expires_at = moment("When the code expires, if it does", null=True)


class CodeObject(Output):
    """A code, without its holder."""

    code = CodeText(required=True, metadata={"example": "QMYFRFPA99E7"})
    state = _state(State.AVAILABLE)
    created_at = moment("When the code was created")
    reserved_at = moment("When the code was reserved, if it was", null=True)
    expires_at = moment("When the code expires, if it does", null=True)
    redeemed_at = moment("When the code was redeemed, if it is", null=True)
    version = fields.Integer(
        required=True,
        validate=validate.Range(min=0),
        metadata={"example": 0, "description": "How often the code has changed."},
    )


class BrandObject(Output):
    """A brand."""

    brand = Name(required=True, metadata={"example": "brand1"})
    created_at = moment("When the first codes were created")


class CampaignObject(BrandObject):
    """A campaign."""

    campaign = Name(required=True, metadata={"example": names.DEFAULT_CAMPAIGN})
    archived = fields.Boolean(required=True, metadata={"example": False})


def _count(example: int) -> fields.Integer:
    return fields.Integer(
        required=True, validate=validate.Range(min=0), metadata={"example": example}
    )


_EXAMPLES = {State.AVAILABLE: 9, State.RESERVED: 1}
CountsObject = Output.from_dict(
    {state.value: _count(_EXAMPLES.get(state, 0)) for state in State}, name="CountsObject"
)
"""How many codes are in each state."""


class BrandWithCounts(BrandObject):
    """A brand and how many codes it has in each state."""

    counts = fields.Nested(CountsObject, required=True)


class GuessObject(Output):
    """How well the codes resist guessing."""

    space_bits = fields.Integer(required=True, metadata={"example": 60})
    codes = fields.Integer(required=True, metadata={"example": 10})
    one_guess = fields.Integer(
        required=True,
        metadata={"example": 115_292_150_460_684_697, "description": "One in so many hits a code."},
    )


class FullCampaign(CampaignObject):
    """A campaign with its rules, and how many codes it has in each state."""

    counts = fields.Nested(CountsObject, required=True)
    open = fields.Boolean(
        required=True, metadata={"example": True, "description": "Whether codes can be claimed."}
    )
    guess = fields.Nested(GuessObject, required=True)
    rules = fields.Nested(RulesObject, required=True)


class PageObject(Output):
    """A part of a listing."""

    next_cursor = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Cursor of the next page; null on the last page.",
            "example": None,
        },
    )


def _items(schema: type[Output]) -> fields.List[Any]:
    return fields.List(
        fields.Nested(schema), required=True, validate=validate.Length(max=MAX_LIMIT)
    )


class JobObject(Output):
    """Work that takes longer than a call may."""

    id = fields.String(
        required=True,
        metadata={
            "description": "Unique id of the job.",
            "example": "019a2f3be4d4c0ffee0123456789abcd",
        },
    )
    kind = fields.Enum(
        JobKind, by_value=True, required=True, metadata={"example": JobKind.GENERATE.value}
    )
    state = fields.Enum(
        JobState, by_value=True, required=True, metadata={"example": JobState.QUEUED.value}
    )
    done = _count(0)
    total = _count(100_000)
    failed = _count(0)
    detail = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why the job failed, or what has been kept.", "example": None},
    )
    brand = Name(required=True, metadata={"example": "brand1"})
    campaign = Name(required=True, metadata={"example": names.DEFAULT_CAMPAIGN})
    requested_by = fields.String(
        required=True,
        metadata={"description": "The `sub` of the caller that created the job.", "example": "me"},
    )
    created_at = moment("When the job was created")
    started_at = moment("When a worker started the job, if it has started", null=True)
    finished_at = moment("When the job ended, if it has ended", null=True)


class RefusalObject(Output):
    """A line of a list that was refused."""

    line = fields.Integer(
        required=True,
        metadata={"description": "Line number, starting at 1.", "example": 17},
    )
    reason = fields.Enum(
        Reason, by_value=True, required=True, metadata={"example": Reason.IN_BRAND.value}
    )
    detail = fields.String(
        required=True,
        metadata={"description": "The reason as a sentence.", "example": Reason.IN_BRAND.text},
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


class ReservationPage(PageObject):
    """A page of reservations."""

    items = _items(Reservation)


class JobPage(PageObject):
    """A page of jobs."""

    items = _items(JobObject)


class InputErrorObject(Output):
    """One fault in the input."""

    pointer = fields.String(
        required=True,
        metadata={
            "description": "JSON pointer (RFC 6901) of the invalid value.",
            "example": "/brand",
        },
    )
    detail = fields.String(required=True, metadata={"description": "What is wrong."})


class ProblemObject(Output):
    """Why a call was refused or failed (RFC 9457)."""

    type = fields.String(
        required=True,
        validate=validate.OneOf([problem.uri for problem in PROBLEM_TYPES]),
        metadata={
            "description": "URL of the page that explains the problem.",
            "format": "uri-reference",
        },
    )
    title = fields.String(required=True)
    status = fields.Integer(required=True, metadata={"description": "The HTTP status code."})
    detail = fields.String(required=True)
    instance = fields.String(required=True, metadata={"format": "uri-reference"})
    request_id = fields.String(required=True)
    reason = fields.String(
        metadata={"description": "Why a campaign is closed, for `campaign-not-open`."}
    )
    state = fields.Enum(
        State,
        by_value=True,
        metadata={"description": "The state of the code that is refused."},
    )
    errors = fields.List(
        fields.Nested(InputErrorObject),
        metadata={"description": "The errors in the input, for `invalid-request`."},
    )
