"""How a list may be written: CSV (RFC 4180) or NDJSON."""

from enum import StrEnum


class ListForm(StrEnum):
    """How a list is written."""

    CSV = "csv"
    NDJSON = "ndjson"

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
