"""Schemas of requests for jobs."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from service.api.schemas.campaign_rules import Moment
from service.api.schemas.requests import CreateJob, Input, flag, nothing
from service.domain.code_selection import Selection
from service.domain.errors import InvalidRequest
from service.domain.jobs import MAX_GENERATED, JobKind
from service.domain.model import State

_SWITCHES = [JobKind.DISABLE.value, JobKind.ENABLE.value]


def _moment(description: str) -> Moment:
    return Moment(description, allow_none=False, load_default=nothing)


class SelectionBody(Input):
    """Codes of a campaign: those for which all members hold, of which there must be one."""

    state = fields.String(
        load_default=nothing,
        validate=validate.OneOf([each.value for each in State if each is not State.REDEEMED]),
        metadata={"description": "Their state, which may not be `redeemed`."},
    )
    created_before = _moment("Created before this moment.")
    created_after = _moment("Created at this moment or later.")
    reserved_before = _moment("Reserved before this moment.")
    reserved_after = _moment("Reserved at this moment or later.")

    @post_load
    def _build(self, data: Mapping[str, Any], **_: Any) -> Selection:
        return Selection.from_object(data)


class SwitchCodes(Input):
    """The body of a job that disables or enables codes."""

    kind = fields.String(
        required=True,
        validate=validate.OneOf(_SWITCHES),
        metadata={
            "example": JobKind.DISABLE.value,
            "description": "`disable` disables codes; `enable` takes that back.",
        },
    )
    where = fields.Nested(
        SelectionBody,
        required=True,
        metadata={"minProperties": 1, "example": {"state": State.AVAILABLE.value}},
    )


class JobBody(Input):
    """The body of a new job, whose members depend on its kind."""

    FORMS = (CreateJob, SwitchCodes)
    EXAMPLE: ClassVar = {"kind": JobKind.GENERATE.value, "count": 100_000}

    kind = fields.String(
        required=True, validate=validate.OneOf([JobKind.GENERATE.value, *_SWITCHES])
    )
    count = fields.Integer(
        strict=True, load_default=None, validate=validate.Range(1, MAX_GENERATED)
    )
    where = fields.Nested(SelectionBody, load_default=None)

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        wanted, other = ("count", "where")
        if data["kind"] in _SWITCHES:
            wanted, other = other, wanted
        if data[wanted] is None:
            raise ValidationError("Missing data for required field.", wanted)
        if data[other] is not None:
            raise ValidationError(f"Not a member of {data['kind']}.", other)

    @post_load
    def _check_selection(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if data["where"] is not None and (faults := list(data["where"].faults())):
            raise InvalidRequest(faults)
        return data


class JobQuery(Input):
    """The query of a new job."""

    dry_run = flag("Count the codes that would be disabled or enabled, and change nothing.")


class ImportQuery(Input):
    """The query of an import."""

    dry_run = flag("Validate the list, and change nothing.")
    action = fields.String(
        load_default=nothing,
        validate=validate.OneOf(_SWITCHES),
        metadata={
            "description": "Disable or enable the codes of the list instead of storing them."
        },
    )

    @post_load
    def _name_kind(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        action = data.pop("action")
        return {**data, "kind": JobKind(action) if action else JobKind.IMPORT}
