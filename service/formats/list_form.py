"""How a list may be written: CSV (RFC 4180) or NDJSON."""

from enum import StrEnum


class ListForm(StrEnum):
    """How a list is written."""

    CSV = "csv"
    NDJSON = "ndjson"

    @classmethod
    def of_file(cls, name: str) -> "ListForm":
        """Return how a file is written, going by its name; CSV if that says nothing."""
        return next((form for form, ends in _ENDS.items() if name.endswith(ends)), cls.CSV)

    @property
    def media_type(self) -> "ListType":
        """How HTTP says it."""
        return ListType[self.name]


class ListType(StrEnum):
    """The media type of a list, the first if the caller does not mind."""

    CSV = "text/csv"
    NDJSON = "application/x-ndjson"

    @property
    def form(self) -> ListForm:
        """How such a list is written."""
        return ListForm[self.name]


_ENDS = {ListForm.NDJSON: ("json", "jsonl")}
"""How the names of files end."""
MEDIA_TYPES = " or ".join(f"`{each}`" for each in ListType)
"""All of them, for a sentence."""
