"""Fields of schemas: names, codes and numbers, with the domain's rules."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from service.domain import codes, names

_NAME_RULE = (
    "any characters but control characters, surrogates and '/', no space at either end, "
    "and not '.' or '..'"
)


class Name(fields.String):
    """The name of a brand or campaign, or a user id."""

    def __init__(self, *, longest: int = names.MAX_NAME, **options: Any) -> None:
        """Allow up to `longest` characters."""
        self.longest = longest
        super().__init__(
            validate=self._check,
            metadata={"minLength": 1, "maxLength": longest, "pattern": names.PATTERN}
            | options.pop("metadata", {}),
            **options,
        )

    def _check(self, text: str) -> None:
        if not names.is_name(text, self.longest):
            raise ValidationError(f"Must have 1 to {self.longest} characters: {_NAME_RULE}.")


class CodeText(fields.String):
    """A code."""

    RULE = (
        f"Must have {codes.MIN_LENGTH} to {codes.MAX_LENGTH} of A-Z, a-z, 0-9 and '-', "
        "the first and the last a letter or digit."
    )

    def __init__(self, **options: Any) -> None:
        """Validate with the domain's rule of codes."""
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

    @classmethod
    def _check(cls, text: str) -> None:
        if not codes.is_code(text):
            raise ValidationError(cls.RULE)


class DecimalText(fields.Integer):
    """A number in a query: decimal digits only (`int` accepts more)."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdecimal()):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)
