"""marshmallow schemas of requests, for parsing and documentation.

Every limit comes from the domain or the use case that owns it. Input schemas refuse unknown
members; numbers in a JSON body must be JSON integers.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, fields, validate

from service.api.schemas.fields import CodeText, DecimalText, Name
from service.domain import names
from service.domain.codes import is_code
from service.domain.errors import InputError, InvalidRequest
from service.domain.jobs import JOB_ID, MAX_GENERATED, JobKind
from service.domain.model import State
from service.usecases.code_lookup import Match
from service.usecases.codes import MAX_PER_CALL

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
MAX_CURSOR = 1024
MAX_IDEMPOTENCY_KEY = 255
_TAG = r'(W/)?"[!#-~]*"'
ENTITY_TAGS = rf"^(\*|{_TAG}( *, *{_TAG})*)$"
"""`*` or entity tags (RFC 9110, section 8.8.3), as callers should write them."""
MAX_TYPED = 256
"""Most characters that a person may have typed for a code, blanks included."""


class Input(Schema):
    """The base of request schemas."""

    FORMS: ClassVar[tuple[type[Schema], ...]] = ()
    """For the document: the schemas of which a body fits one, if it has several forms."""
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}
    """For the document: an example, if required members do not make one."""

    class Meta:
        """Refuse unknown members."""

        unknown = RAISE


def nothing() -> None:
    """Return the default of a missing parameter, which the document does not show as null."""


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


class TypedCodePath(BrandPath):
    """A code of a brand, perhaps as a person typed it."""

    code = fields.String(
        required=True,
        validate=validate.Length(1, MAX_TYPED),
        metadata={
            "example": "QMYFRFPA99E7",
            "description": "A code, or with `match=typed` what a person typed.",
        },
    )


class LookUpQuery(Input):
    """The query of a look-up."""

    match = fields.Enum(
        Match,
        by_value=True,
        load_default=nothing,
        metadata={"description": "`typed`: find a code as a person typed it."},
    )


def require_code(text: str, match: Match | None) -> None:
    """Require the form of a code, unless a person typed the text.

    Raises:
        InvalidRequest: It has another form.
    """
    if match is None and not is_code(text):
        raise InvalidRequest([InputError("/code", CodeText.RULE)])


class UserPath(Input):
    """A user."""

    user = Name(
        required=True,
        longest=names.MAX_USER,
        metadata={"example": "user1", "description": "The user's id in the caller's system."},
    )


class ReservationPath(UserPath, CampaignPath):
    """A user's reservation in a campaign."""


class JobPath(CampaignPath):
    """A job of a campaign."""

    job = fields.String(
        required=True,
        validate=validate.Regexp(rf"^{JOB_ID}\Z", error="Not the id of a job."),
        metadata={
            "example": "019a2f3be4d4c0ffee0123456789abcd",
            "description": "Id of a job.",
            "pattern": f"^{JOB_ID}$",
        },
    )


class FetchPath(UserPath, BrandPath):
    """A user of a brand."""


class FetchQuery(Input):
    """The query of a fetch."""

    campaign = Name(
        load_default=names.DEFAULT_CAMPAIGN,
        metadata={"description": "Name of a campaign."},
    )


class PageQuery(Input):
    """The query of a listing."""

    limit = DecimalText(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(1, MAX_LIMIT),
        metadata={"description": "Maximum number of items on the page."},
    )
    cursor = fields.String(
        load_default=nothing,
        validate=validate.Length(1, MAX_CURSOR),
        metadata={"description": "`next_cursor` of the previous page."},
    )


class ExportQuery(Input):
    """The query of an export."""

    state = fields.Enum(
        State,
        by_value=True,
        load_default=nothing,
        metadata={"description": "Only codes in this state."},
    )


def flag(description: str) -> fields.Boolean:
    """Return a parameter that is `true` or `false`."""
    return fields.Boolean(
        truthy={"true"},
        falsy={"false"},
        load_default=False,
        metadata={"description": description},
    )


class PutCampaignQuery(Input):
    """The query of a change of a campaign's rules."""

    dry_run = flag("Answer what would be, and change nothing.")
    shorten = flag("Let the campaign end earlier although codes can be claimed.")


class EraseQuery(Input):
    """The query of an erasure."""

    forget = flag("Let nothing stand against new claims of the person.")


class ConditionHeaders(Input):
    """The header fields of a conditional request (RFC 9110, section 13.1)."""

    if_match = fields.String(
        data_key="If-Match",
        load_default=nothing,
        metadata={
            "description": "Change the resource only if it has this `ETag`.",
            "pattern": ENTITY_TAGS,
        },
    )
    if_none_match = fields.String(
        data_key="If-None-Match",
        load_default=nothing,
        metadata={"description": "`*`: only create a campaign.", "pattern": ENTITY_TAGS},
    )


class CodesQuery(PageQuery, ExportQuery):
    """The query of a listing of codes."""


class IdempotencyHeader(Input):
    """The header field of a repeatable request."""

    idempotency_key = fields.String(
        data_key="Idempotency-Key",
        load_default=nothing,
        validate=validate.Regexp(
            rf"^[\x21-\x7e]{{1,{MAX_IDEMPOTENCY_KEY}}}\Z",
            error=f"Not 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII.",
        ),
        metadata={
            "description": "A unique key that you choose for this request. The same key and body "
            "get the first answer again within 24 hours; a different body is a conflict.",
            "minLength": 1,
            "maxLength": MAX_IDEMPOTENCY_KEY,
            "pattern": rf"^[\x21-\x7e]{{1,{MAX_IDEMPOTENCY_KEY}}}$",
        },
    )


class CreateCodes(Input):
    """The body of a creation of codes."""

    number_to_create = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, MAX_PER_CALL),
        metadata={"example": 10, "description": "Number of codes to create."},
    )


class CreateJob(Input):
    """The body of a new job."""

    kind = fields.String(
        required=True,
        validate=validate.OneOf([JobKind.GENERATE.value]),
        metadata={
            "example": JobKind.GENERATE.value,
            "description": "`generate` creates codes.",
        },
    )
    count = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, MAX_GENERATED),
        metadata={"example": 100_000, "description": "Number of codes to create."},
    )


class CreateDiscount(CreateCodes):
    """The body of a creation of codes for a brand."""

    brand = Name(required=True, metadata={"example": "brand1", "description": "Name of a brand."})
    campaign = Name(
        load_default=names.DEFAULT_CAMPAIGN,
        metadata={"description": "Name of a campaign; `default` is created if necessary."},
    )
