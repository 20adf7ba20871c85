"""The early check of a list, block by block: whether it is text with rows."""

import codecs

from service.domain.errors import InputError, InvalidRequest, TooLarge
from service.formats.code_lists import MAX_LINES
from service.formats.refusals import MAX_ROW_BYTES

_UTF32, _UTF16 = (
    "The list is in UTF-32. Send it in UTF-8.",
    "The list is in UTF-16. Send it in UTF-8.",
)
_WORKBOOK = "The list is an Excel workbook, or another archive. Save it as CSV in UTF-8."
_OTHER_FORMATS = {
    codecs.BOM_UTF32_LE: _UTF32,  # begins as that of UTF-16 does
    codecs.BOM_UTF32_BE: _UTF32,
    codecs.BOM_UTF16_LE: _UTF16,
    codecs.BOM_UTF16_BE: _UTF16,
    b"PK\x03\x04": _WORKBOOK,
    b"\xd0\xcf\x11\xe0": _WORKBOOK,
    b"\x1f\x8b": "The list is compressed by gzip. Send it uncompressed.",
    b"%PDF": "The list is a PDF document. Save it as CSV in UTF-8.",
}
"""Beginnings of files in other formats, with their names."""


class TextCheck:
    """A check that counts lines, and finds data that no reader could convert to codes."""

    def __init__(self) -> None:
        self._ends = 0
        self._in_row = 0
        self._first_bytes = b""
        self._returns = 0
        """Carriage returns before the first line feed."""

    def check(self, block: bytes) -> None:
        """Check the next block.

        Raises:
            TooLarge: There are too many lines.

        InvalidRequest: The block is not text, or a line is too long.
        """
        self._require_text(block)
        if b"\0" in block:
            raise _unreadable("The list holds a NUL: it is no text in UTF-8, but perhaps UTF-16.")
        ends = block.count(b"\n")
        if ends:
            self._in_row = 0
        self._ends += ends
        self._returns += 0 if self._ends else block.rstrip(b"\r").count(b"\r")
        self._in_row += len(block) - 1 - block.rfind(b"\n")
        if self._in_row > MAX_ROW_BYTES:
            line = self._ends + 1
            self._require_line_feeds()
            raise _unreadable(f"Line {line} is longer than {MAX_ROW_BYTES} bytes.")
        if self._ends > MAX_LINES:
            raise TooLarge(f"A list has at most {MAX_LINES} lines. Nothing was changed.")

    def _require_text(self, block: bytes) -> None:
        if len(self._first_bytes) < len(codecs.BOM_UTF32):
            self._first_bytes = (self._first_bytes + block)[: len(codecs.BOM_UTF32)]
            for beginning, sentence in _OTHER_FORMATS.items():
                if self._first_bytes.startswith(beginning):
                    raise _unreadable(sentence)

    def lines(self) -> int:
        """Return the number of lines.

        Raises:
            InvalidRequest: The list is empty, or has no complete line.
        """
        if not self._first_bytes:
            raise _unreadable("The list is empty.")
        self._require_line_feeds()
        return self._ends + bool(self._in_row)

    def _require_line_feeds(self) -> None:
        if self._returns and not self._ends:
            raise _unreadable("Lines end in a carriage return (CR) alone. End them in LF or CRLF.")


def _unreadable(detail: str) -> InvalidRequest:
    return InvalidRequest([InputError("", detail)])
