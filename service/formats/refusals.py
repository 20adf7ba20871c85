"""Reasons for refused rows of lists, with their texts for callers."""

from enum import StrEnum
from typing import NamedTuple

from service.domain.codes import MAX_LENGTH, MIN_LENGTH

MAX_ROW_BYTES = 64 * 1024
"""Longest row in bytes."""


class Reason(StrEnum):
    """The reason why a row, or the list from that row on, was refused."""

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
    UNKNOWN_HEADER = "unknown-header"
    SEMICOLONS = "semicolons"
    TABS = "tabs"
    BARS = "bars"
    SEPARATOR = "separator"
    JSON = "json"
    ARRAY = "array"
    SEVERAL_LINES = "several-lines"
    SEPARATED_OBJECTS = "separated-objects"
    NO_OBJECTS = "no-objects"
    HEADER_AGAIN = "header-again"
    UNKNOWN = "unknown-code"
    REDEEMED = "redeemed"
    RETIRED = "retired"

    @classmethod
    def text_of(cls, slug: str) -> str:
        """Return the text of a reason, also of one that only a newer version knows."""
        return cls(slug).text if slug in set(cls) else "The row was refused."

    @property
    def text(self) -> str:
        """The reason as a sentence."""
        return _TEXTS[self]


_TEXTS = {
    Reason.LENGTH: f"The code does not have {MIN_LENGTH} to {MAX_LENGTH} characters.",
    Reason.CHARACTERS: "The code has characters other than A-Z, a-z, 0-9 and '-', or begins or "
    "ends with '-'.",
    Reason.MISSING: "The row has no code.",
    Reason.FIELDS: "The row has more or fewer fields than the first one.",
    Reason.MALFORMED: "The row is not well-formed.",
    Reason.NOT_UTF8: "The row is not valid UTF-8.",
    Reason.TWICE_IN_FILE: "An earlier line has the same code.",
    Reason.IN_BRAND: "The brand already has this code.",
    Reason.IN_OTHER_IMPORT: "An unfinished import of the brand has this code.",
    Reason.ROW_TOO_LONG: f"The row is longer than {MAX_ROW_BYTES} bytes; the rest was not read.",
    Reason.NO_COLUMN: "The first row has several fields, but not exactly one named `code`.",
    Reason.UNKNOWN_HEADER: f"The first row is neither a code of {MIN_LENGTH} to {MAX_LENGTH} "
    "characters (A-Z, a-z, 0-9 and '-') nor a known header. Name the column `code`.",
    Reason.SEMICOLONS: "The fields are separated by semicolons. Use commas.",
    Reason.TABS: "The fields are separated by tabs. Use commas.",
    Reason.BARS: "The fields are separated by vertical bars. Use commas.",
    Reason.SEPARATOR: "The row `sep=` names a separator other than the comma. Use commas.",
    Reason.JSON: "The list is JSON, but was sent as CSV. Send it as `application/x-ndjson`.",
    Reason.ARRAY: "The list is a single JSON array. Write one object per line, without "
    "brackets around them or commas between them.",
    Reason.SEVERAL_LINES: "The JSON object continues on the next line. Write one object per line.",
    Reason.SEPARATED_OBJECTS: "A comma or semicolon follows the JSON object. Write one object per "
    "line, and nothing between them.",
    Reason.NO_OBJECTS: "The list was sent as NDJSON, but its first line is not a JSON object with "
    "the member `code`. Send CSV as `text/csv`.",
    Reason.HEADER_AGAIN: "The row repeats the header.",
    Reason.UNKNOWN: "The campaign has no such code.",
    Reason.REDEEMED: "The code is redeemed.",
    Reason.RETIRED: "The code was retired, or its holder was erased: it stays disabled.",
}


class Refusal(NamedTuple):
    """A refused line of a list, counted from 1."""

    line: int
    reason: str
    """A `Reason`, or one that only a newer version of the service knows."""


class UnreadableList(Exception):  # noqa: N818 - it is the list's state
    """The rows from this one on cannot be read."""

    def __init__(self, line: int, reason: Reason) -> None:
        """Create an error with the first unreadable line."""
        super().__init__(reason.text)
        self.refusal = Refusal(line, reason)


class RefusedRow(Exception):  # noqa: N818 - it is the row's state
    """A row is refused."""

    def __init__(self, reason: Reason) -> None:
        """Create an error with its reason."""
        super().__init__(reason.text)
        self.reason = reason
