"""The schema of a campaign's rules, and their representation: one is the inverse of the other."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import orjson
from marshmallow import ValidationError, fields, post_load, pre_load, validate, validates_schema

from service.api.schemas.requests import Input
from service.domain import codes
from service.domain.campaigns import OnLapse, OnRelease, RedeemBy, Rules
from service.domain.code_formats import MAX_ALPHABET, MIN_ALPHABET, CodeFormat
from service.domain.errors import InputError
from service.domain.model import Millis
from service.domain.terms import faults
from service.formats.timestamps import parse_timestamp, timestamp

MIN_TTL_S, MAX_TTL_S = 60, 365 * 24 * 3600
MOST_LOW_AT = 8
MAX_LOW_AT = 2**53 - 1
"""The largest integer that every JSON parser keeps exactly (RFC 8259, section 6)."""
MAX_METADATA_BYTES = 4096
MAX_DESCRIPTION = 200
_DECIMAL = r"^[0-9]{1,12}(\.[0-9]{1,4})?$"
_CURRENCY = r"^[A-Z]{3}$"
_KINDS: Mapping[str, frozenset[str]] = {
    "percent": frozenset({"value"}),
    "amount": frozenset({"value", "currency"}),
    "other": frozenset({"description"}),
}
"""The members of each kind of discount, beside `type`."""
_HUNDRED = 100


class Moment(fields.Field[Millis]):
    """A moment as in RFC 3339, with an offset."""

    def __init__(self, description: str, **options: Any) -> None:
        metadata = {"type": "string", "format": "date-time", "description": description}
        defaults: dict[str, Any] = {"allow_none": True, "load_default": None}
        super().__init__(metadata=metadata, **defaults | options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Millis:
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        try:
            return parse_timestamp(value)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class StrictBoolean(fields.Boolean):
    """`true` or `false`, and nothing that is equal to them, such as 1."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class DiscountRule(Input):
    """What a code is worth; the members depend on `type`."""

    type = fields.String(required=True, validate=validate.OneOf(_KINDS))
    value = fields.String(
        validate=validate.Regexp(
            _DECIMAL.replace("$", r"\Z"), error="Must be a decimal number with up to four places."
        ),
        metadata={"pattern": _DECIMAL, "description": "More than 0; at most 100 percent."},
    )
    currency = fields.String(
        validate=validate.Regexp(
            _CURRENCY.replace("$", r"\Z"), error="Must be three capital letters (ISO 4217)."
        ),
        metadata={"pattern": _CURRENCY},
    )
    description = fields.String(validate=validate.Length(1, MAX_DESCRIPTION))

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: Mapping[str, str], **_: Any) -> None:
        wanted = _KINDS[data["type"]]
        found = set(data) - {"type"}
        messages = {name: ["Missing data for required field."] for name in wanted - found}
        messages |= {name: [f"Not a member of {data['type']}."] for name in found - wanted}
        if messages:
            raise ValidationError(messages)
        if "value" in wanted:
            _check_value(data["type"], Decimal(data["value"]))


def _check_value(kind: str, value: Decimal) -> None:
    if not value:
        raise ValidationError("Must be more than 0.", "value")
    if kind == "percent" and value > _HUNDRED:
        raise ValidationError("Must be at most 100.", "value")


class CodeFormatRule(Input):
    """The format of new codes."""

    pattern = fields.String(
        required=True,
        metadata={"description": "`#` is a random place.", "example": "SUMMER-####-####"},
    )
    alphabet = fields.String(
        load_default=codes.ALPHABET,
        metadata={
            "description": f"{MIN_ALPHABET} to {MAX_ALPHABET} distinct letters and digits for "
            "random places."
        },
    )
    check = StrictBoolean(load_default=False)
    accept_guessable = StrictBoolean(load_default=False)

    @post_load
    def _build(self, data: Mapping[str, Any], **_: Any) -> CodeFormat:
        form = CodeFormat(**data)
        _raise(form.faults())
        return form


def _raise(found: Iterable[InputError]) -> None:
    """Raise the faults of the domain, if there are any, as marshmallow's.

    Raises:
        ValidationError: There are.
    """
    if messages := {fault.pointer.removeprefix("/"): [fault.detail] for fault in found}:
        raise ValidationError(messages)


class RulesBody(Input):
    """The rules of a campaign; a missing member has its default."""

    discount = fields.Nested(DiscountRule, allow_none=True, load_default=None)
    claims_from = Moment("When the first codes are handed out.")
    starts_at = Moment("When codes can first be redeemed.")
    ends_at = Moment("When the campaign ends.")
    reservation_ttl_s = fields.Integer(
        strict=True,
        allow_none=True,
        load_default=None,
        validate=validate.Range(MIN_TTL_S, MAX_TTL_S),
        metadata={"description": "Seconds after which a reservation ends by itself."},
    )
    on_lapse = fields.Enum(OnLapse, by_value=True, load_default=OnLapse.EXPIRE)
    on_release = fields.Enum(OnRelease, by_value=True, load_default=OnRelease.RETIRE)
    redeem_by = fields.Enum(RedeemBy, by_value=True, load_default=RedeemBy.HOLDER)
    code_format = fields.Nested(CodeFormatRule, allow_none=True, load_default=None)
    low_at = fields.List(
        fields.Integer(strict=True, validate=validate.Range(0, MAX_LOW_AT)),
        load_default=(),
        validate=validate.Length(max=MOST_LOW_AT),
        metadata={
            "description": "Numbers of available codes at which an event is due.",
            "uniqueItems": True,
        },
    )
    reserved_events = StrictBoolean(load_default=False)
    paused = StrictBoolean(load_default=False)
    archived = StrictBoolean(load_default=False)
    metadata = fields.Dict(keys=fields.String(), load_default=dict)

    @pre_load
    def _keep_metadata_small(self, data: Any, **_: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("metadata"), dict):
            try:
                size = len(orjson.dumps(data["metadata"]))
            except (orjson.JSONEncodeError, RecursionError):
                raise ValidationError("A text or number cannot be kept.", "metadata") from None
            if size > MAX_METADATA_BYTES:
                raise ValidationError(f"Is longer than {MAX_METADATA_BYTES} bytes.", "metadata")
        return data

    @post_load
    def _build(self, data: Mapping[str, Any], **_: Any) -> Mapping[str, Rules]:
        if len(set(data["low_at"])) < len(data["low_at"]):
            raise ValidationError("Must be distinct.", "low_at")
        rules = Rules(**{**data, "low_at": tuple(data["low_at"])})
        _raise(faults(rules))
        return {"rules": rules}


def rules_object(rules: Rules) -> dict[str, Any]:
    """Return the representation of rules, with all members; it is a body that sets them again."""
    form = rules.code_format
    return {
        "discount": rules.discount,
        "claims_from": timestamp(rules.claims_from),
        "starts_at": timestamp(rules.starts_at),
        "ends_at": timestamp(rules.ends_at),
        "reservation_ttl_s": rules.reservation_ttl_s,
        "on_lapse": rules.on_lapse,
        "on_release": rules.on_release,
        "redeem_by": rules.redeem_by,
        "code_format": form
        and {
            "pattern": form.pattern,
            "alphabet": form.alphabet,
            "check": form.check,
            "accept_guessable": form.accept_guessable,
        },
        "low_at": list(rules.low_at),
        "reserved_events": rules.reserved_events,
        "paused": rules.paused,
        "archived": rules.archived,
        "metadata": rules.metadata,
    }
