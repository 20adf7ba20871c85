"""Why rows of a list of codes are refused, in the words that callers read."""

from enum import StrEnum
from typing import NamedTuple

from service.domain.codes import MAX_LENGTH, MIN_LENGTH

MAX_ROW_BYTES = 64 * 1024
"""Longest row."""


class Reason(StrEnum):
    """Why a row, or the list from that row on, was refused."""

    LENGTH = "length"
    CHARACTERS = "characters"
    MISSING = "missing"
    FIELDS = "fields"
    MALFORMED = "malformed"
    NOT_UTF8 = "not-utf-8"
    TWICE_IN_FILE = "twice-in-file"
    IN_BRAND = "in-brand"
    IN_OTHER_IMPORT = "in-other-import"
    ROW_TOO_LONG = "row-too-long"
    NO_COLUMN = "no-column"

    @property
    def text(self) -> str:
        """Say it in a sentence."""
        return _TEXTS[self]


_TEXTS = {
    Reason.LENGTH: f"The code does not have {MIN_LENGTH} to {MAX_LENGTH} characters.",
    Reason.CHARACTERS: "The code has other characters than A-Z, a-z, 0-9 and '-', or begins or "
    "ends with '-'.",
    Reason.MISSING: "There is no code in this row.",
    Reason.FIELDS: "The row has more or fewer fields than the first one.",
    Reason.MALFORMED: "The row is not well-formed.",
    Reason.NOT_UTF8: "The row is not UTF-8.",
    Reason.TWICE_IN_FILE: "A line above has the same code.",
    Reason.IN_BRAND: "The brand has this code already.",
    Reason.IN_OTHER_IMPORT: "Another import of the brand, which is not finished, has this code.",
    Reason.ROW_TOO_LONG: f"It is longer than {MAX_ROW_BYTES} bytes; what follows was not read.",
    Reason.NO_COLUMN: "The first row has several fields, and not one of them is `code`.",
}


class Refusal(NamedTuple):
    """A line of the list, counted from 1, and why it was refused."""

    line: int
    reason: Reason


class UnreadableList(Exception):  # noqa: N818 - it is the list's state
    """Nothing can be said about the rows from this one on."""

    def __init__(self, line: int, reason: Reason) -> None:
        """Name the line where it began."""
        super().__init__(reason.text)
        self.refusal = Refusal(line, reason)


class RefusedRow(Exception):  # noqa: N818 - it is the row's state
    """What is wrong with one row."""

    def __init__(self, reason: Reason) -> None:
        """Say why."""
        super().__init__(reason.text)
        self.reason = reason
