"""The formats of lists: CSV (RFC 4180) and NDJSON."""

from enum import StrEnum


class ListForm(StrEnum):
    """The format of a list."""

    CSV = "csv"
    NDJSON = "ndjson"

    @classmethod
    def of_file(cls, name: str) -> "ListForm":
        """Return the format that a file's name shows; CSV if it shows none."""
        return next((form for form, ends in _ENDS.items() if name.endswith(ends)), cls.CSV)

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


_ENDS = {ListForm.NDJSON: ("json", "jsonl")}
"""The suffixes of file names."""
MEDIA_TYPES = " or ".join(f"`{each}`" for each in ListType)
"""All suffixes, for a sentence."""
