"""What shows, block by block, that a list is no text that has rows."""

import codecs

from service.domain.errors import InputError, InvalidRequest, TooLarge
from service.formats.code_lists import MAX_LINES
from service.formats.refusals import MAX_ROW_BYTES

_UTF16 = {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}


class TextCheck:
    """Counts lines, and looks for what no reader could make codes of."""

    def __init__(self) -> None:
        self._ends = 0
        self._in_row = 0
        self._first_bytes = b""
        self._returns = 0
        """Carriage returns, for as long as no line has ended."""

    def check(self, block: bytes) -> None:
        """Look at the next block.

        Raises:
            TooLarge: There are too many lines.
            InvalidRequest: It is no text, or a line is too long to be a row.
        """
        self._first_bytes = (self._first_bytes + block)[:2]
        if self._first_bytes in _UTF16:
            raise _unreadable("The list is in UTF-16. Send it in UTF-8.")
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

    def lines(self) -> int:
        """Return how many lines there were.

        Raises:
            InvalidRequest: There was nothing, or no line that ended as one.
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
