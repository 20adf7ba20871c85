"""The base of the schemas of answers, and fields that several have."""

from enum import StrEnum

from marshmallow import EXCLUDE, Schema, fields


class Output(Schema):
    """The base of answers: clients ignore what they do not know, as more may be added."""

    class Meta:
        """Say nothing about other members."""

        unknown = EXCLUDE


def moment(description: str, *, null: bool = False, required: bool = True) -> fields.AwareDateTime:
    """Return a moment, with an example unless it may be null."""
    example = None if null else "2026-11-22T13:01:40.123Z"
    return fields.AwareDateTime(
        required=required,
        allow_none=null,
        metadata={"description": f"{description} (RFC 3339, UTC).", "example": example},
    )


def flag(description: str) -> fields.Boolean:
    """Return a required flag."""
    return fields.Boolean(required=True, metadata={"description": description, "example": False})


def word(example: StrEnum) -> fields.Enum[StrEnum]:
    """Return a required word of an enumeration."""
    return fields.Enum(
        type(example), by_value=True, required=True, metadata={"example": example.value}
    )
