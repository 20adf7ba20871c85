"""Incremental reading of lists of codes in CSV (RFC 4180) or NDJSON.

A list is read in constant memory. Reading can stop after any block and continue in another
process: `Position` is the whole state. An error in one row refuses that row; an error that makes
all following rows doubtful refuses the list.

CSV may begin with a header (see `headers.py`). Columns other than that of the codes are ignored,
and every row must have the same number of fields. Without a header there is one column. In NDJSON
each line is an object with the member `code`; other members are ignored. So exports can be
imported. Blank lines, also those of commas alone, and a byte order mark are skipped.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol, TypedDict

from service.domain.codes import MAX_LENGTH, MIN_LENGTH, is_code
from service.formats.headers import (
    code_column,
    names_the_comma,
    require_code,
    require_lines_of_json,
)
from service.formats.list_form import ListForm
from service.formats.records import (
    PLAIN_OBJECTS,
    complete,
    fields_of,
    is_open,
    member_of,
    plain_rows,
    require_short,
)
from service.formats.refusals import Reason, Refusal, RefusedRow, UnreadableList

MAX_LINES = 10_000_001
"""Most lines in a list: as many codes as one job generates, and a header."""

_BLANK = re.compile(rb"[, \t]*\r?")


class PositionObject(TypedDict):
    """A `Position` as a JSON object."""

    line: int
    rest: str
    column: int | None
    width: int


@dataclass(slots=True)
class Position:
    """The state of reading a list."""

    line: int = 1
    """Number of the line that `rest` begins."""
    rest: bytes = b""
    """The beginning of an incomplete row."""
    column: int | None = None
    """The column of the codes, 0 in NDJSON; `None` before the first row."""
    width: int = 1
    """Number of fields in a row."""
    name: str | None = None
    """The name of the column in the header, if there is one; not part of the object."""

    def as_object(self) -> PositionObject:
        """Return a JSON object for `from_object`."""
        rest = base64.b64encode(self.rest).decode()
        return {"line": self.line, "rest": rest, "column": self.column, "width": self.width}

    @classmethod
    def from_object(cls, written: PositionObject, name: str | None = None) -> "Position":
        """Return the position of an object; unknown members of later versions are ignored.

        Args:
            written: The object.
            name: The name of the column in the header, which is stored elsewhere.
        """
        rest = base64.b64decode(written["rest"])
        return cls(written["line"], rest, written["column"], written["width"], name)


class Read(Protocol):
    """A reader of lines."""

    def __call__(self, lines: list[bytes], position: Position, rows: "Rows", *, last: bool) -> None:
        """Read lines, and move the position behind them."""


class Reader(NamedTuple):
    """The functions that read one format."""

    plain: Callable[[Position], re.Pattern[str] | None]
    """Matches the codes of many simple rows at once, if the position allows that."""
    read: Read


@dataclass(slots=True)
class Rows:
    """The rows of a block."""

    good: list[tuple[str, int]] = field(default_factory=list)
    """Valid codes and their lines."""
    refused: list[Refusal] = field(default_factory=list)
    fault: Refusal | None = None
    """The first unreadable row with its reason; the list is refused."""


def read_rows(form: ListForm, position: Position, block: bytes, *, last: bool) -> Rows:
    """Read the rows that end in a block of a list, and advance `position`.

    Args:
        form: The format of the list.
        position: Where the block begins.
        block: The next bytes, any number of them.
        last: Whether the list ends with the block.
    """
    data = position.rest + block
    if last and data and not data.endswith(b"\n"):
        data += b"\n"
    whole, end, position.rest = data.rpartition(b"\n")
    rows = Rows()
    try:
        if end and not _read_plain(form, whole, position, rows):
            lines = whole.split(b"\n")
            if position.line == 1:
                lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
            _READERS[form].read(lines, position, rows, last=last)
        require_short(position.rest, position.line)
    except UnreadableList as unreadable:
        rows.fault = unreadable.refusal
    return rows


def _read_plain(form: ListForm, whole: bytes, position: Position, rows: Rows) -> bool:
    """Read all rows with one regular expression; return whether all have a simple form."""
    plain = _READERS[form].plain(position)
    codes = plain.findall(whole.decode()) if plain and whole.isascii() else []
    end = position.line + whole.count(b"\n") + 1
    if position.line + len(codes) != end or position.name in codes:
        return False
    rows.good = list(zip(codes, range(position.line, end), strict=True))
    position.column = position.column or 0
    position.line = end
    return True


def _read_ndjson(lines: list[bytes], position: Position, rows: Rows, *, last: bool) -> None:  # noqa: ARG001 - as _read_csv
    for number, line in enumerate(lines, position.line):
        if line.strip():
            require_short(line, number)
            if position.column is None:
                require_lines_of_json(line, number)
                position.column = 0
            _judge(rows, number, line, member_of)
    position.line += len(lines)


def _read_csv(lines: list[bytes], position: Position, rows: Rows, *, last: bool) -> None:
    first, numbered = position.line, iter(enumerate(lines, position.line))
    for number, line in numbered:
        require_short(line, number)
        if not _BLANK.fullmatch(line):
            record = complete(line, number, numbered) if b'"' in line else line
            require_short(record, number)
            if record is not line and not last and is_open(record):
                position.line, position.rest = number, record + b"\n" + position.rest
                return
            if position.column is None:
                _read_first(rows, number, record, position)
            else:
                _judge(rows, number, record, partial(_field_of, position))
    position.line = first + len(lines)


def _read_first(rows: Rows, number: int, record: bytes, position: Position) -> None:
    """Find the column of the codes in the first row, and classify the row unless it is a header.

    Raises:
        UnreadableList: The row does not show the column.
    """
    if names_the_comma(record, number):
        return
    position.column, position.width, position.name = code_column(record, number)
    if position.name is None:
        _judge(rows, number, record, _first_code)


def _first_code(record: bytes) -> str:
    (code,) = fields_of(record)
    require_code(code)
    return code


def _field_of(position: Position, record: bytes) -> str:
    """Return the code of a CSV row, valid or not."""
    fields = fields_of(record)
    if len(fields) != position.width:
        raise RefusedRow(Reason.FIELDS)
    code = fields[position.column or 0]
    if code == position.name:
        raise RefusedRow(Reason.HEADER_AGAIN)
    return code


def _judge(rows: Rows, number: int, record: bytes, code_of: Callable[[bytes], str]) -> None:
    """Add a row to the good or the refused ones."""
    try:
        code = code_of(record)
    except RefusedRow as error:
        rows.refused.append(Refusal(number, error.reason))
        return
    if is_code(code):
        rows.good.append((code, number))
    else:
        rows.refused.append(Refusal(number, _fault_of(code)))


def _fault_of(code: str) -> Reason:
    if not code:
        return Reason.MISSING
    return Reason.CHARACTERS if MIN_LENGTH <= len(code) <= MAX_LENGTH else Reason.LENGTH


_READERS: Mapping[ListForm, Reader] = {
    ListForm.CSV: Reader(lambda position: plain_rows(position.column, position.width), _read_csv),
    ListForm.NDJSON: Reader(lambda _position: PLAIN_OBJECTS, _read_ndjson),
}
