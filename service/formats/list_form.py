"""The formats of lists: CSV (RFC 4180) and NDJSON."""

from enum import StrEnum


class ListForm(StrEnum):
    """The format of a list."""

    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def media_type(self) -> "ListType":
        """The media type of the format."""
        return ListType[self.name]


class ListType(StrEnum):
    """The media types of lists; the first is the default."""

    CSV = "text/csv"
    NDJSON = "application/x-ndjson"

    @property
    def form(self) -> ListForm:
        """The format of the media type."""
        return ListForm[self.name]
