"""The schema of a change of a code."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, missing, post_load, validate, validates_schema

from service.api.schemas.campaign_rules import Moment, StrictBoolean
from service.api.schemas.requests import Input
from service.domain.code_changes import CodeChange, NewEnd

MAX_REASON = 200


def _disabled(**options: Any) -> StrictBoolean:
    return StrictBoolean(
        metadata={"description": "Whether the code is disabled.", "example": True}, **options
    )


def _end(**options: Any) -> Moment:
    description = "The end of the reservation; null: it has none."
    return Moment(description, **{"load_default": missing} | options)


class _Reasoned(Input):
    reason = fields.String(
        validate=(
            validate.Length(max=MAX_REASON),
            validate.Regexp(r"^[^\x00]*\Z", error="Must not contain U+0000."),
        ),
        metadata={"description": "Why the code is changed.", "pattern": r"^[^\x00]*$"},
    )


class DisablingOfCode(_Reasoned):
    """A code is disabled or enabled."""

    disabled = _disabled(required=True)


class EndOfReservation(_Reasoned):
    """The end of a reservation is moved; the code may be disabled or enabled at once."""

    expires_at = _end(required=True, load_default=missing)
    disabled = _disabled()


class CodeChangeBody(_Reasoned):
    """The body of a change of a code; a missing member leaves a fact alone."""

    FORMS = (DisablingOfCode, EndOfReservation)
    EXAMPLE: ClassVar = {"disabled": True, "reason": "lost"}

    disabled = _disabled()
    expires_at = _end()

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        if not data.keys() & {"disabled", "expires_at"}:
            raise ValidationError("Must have disabled or expires_at.")

    @post_load
    def _build(self, data: Mapping[str, Any], **_: Any) -> Mapping[str, CodeChange]:
        """Build the change; nothing keeps the reason yet, which belongs to the change's event."""
        end = NewEnd(data["expires_at"]) if "expires_at" in data else None
        return {"change": CodeChange(data.get("disabled"), end)}
