"""Types and checks of command line parameters."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

import click

from service.domain.names import MAX_NAME, is_name

Member = TypeVar("Member", bound=StrEnum)


class EnumValue(click.Choice[Member]):
    """A choice of enumeration members by value; click uses their names."""

    def __init__(self, members: type[Member]) -> None:
        super().__init__(members, case_sensitive=False)

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        """Return a member as it is written on the command line."""
        return super().normalize_choice(str(choice), ctx)


def name(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    """Return the name of a brand or campaign.

    Raises:
        BadParameter: The text is not a valid name.
    """
    if not is_name(text):
        raise click.BadParameter(f"{text!r} {NOT_A_NAME}")
    return text


NOT_A_NAME = f"is not a name of 1 to {MAX_NAME} characters, without '/'."


def unique(words: Iterable[str]) -> list[str]:
    """Return the words without duplicates, in order."""
    return list(dict.fromkeys(words))
