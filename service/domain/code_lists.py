"""Lists of codes as callers send them: CSV (RFC 4180) or NDJSON, read a block at a time.

A list is read in constant memory and can be put down after any block and taken up again by
another process: `Position` is all that is remembered. What is wrong with one row refuses that
row; what makes all rows after it doubtful refuses the list.

CSV may begin with a header. A first row with a field `code`, in capitals or not, is one: its
other columns are ignored, and every row must have as many fields. Without a header there is one
column. In NDJSON each line is an object with the member `code`; others are ignored. So what the
service exports can be imported. Blank lines are skipped, and a byte order mark is.
"""

import base64
import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, NoReturn, TypedDict

from service.domain.codes import MAX_LENGTH, MIN_LENGTH, is_code

COLUMN = "code"
"""The column, or the member, that holds the code."""
MAX_ROW_BYTES = 64 * 1024
"""Longest row."""
MAX_LINES = 10_000_001
"""Most lines in one list: as many codes as one job makes, and a header."""


class ListForm(StrEnum):
    """How a list is written."""

    CSV = "csv"
    NDJSON = "ndjson"


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


# A row of CSV whose quotes are right, and one that ends within a quoted field. Neither expression
# can match a text in two ways, so neither takes longer than it is long.
_FIELD = rb'(?:"(?:[^"]|"")*"|[^",]*)'
_RECORD = re.compile(rb"%b(?:,%b)*\r?" % (_FIELD, _FIELD))
_OPEN_RECORD = re.compile(rb'(?:%b,)*"(?:[^"]|"")*' % _FIELD)
# What nearly all rows look like.
_CODE = rb"[A-Za-z0-9][A-Za-z0-9-]{%d,%d}[A-Za-z0-9]" % (MIN_LENGTH - 2, MAX_LENGTH - 2)
_PLAIN_CODE = re.compile(_CODE + rb"\r?")
_PLAIN_OBJECT = re.compile(rb'\{"code": ?"(%b)"\}\r?' % _CODE)


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


class PositionObject(TypedDict):
    """A `Position` as JSON can say it."""

    line: int
    rest: str
    column: int | None
    width: int


@dataclass(slots=True)
class Position:
    """How far a list has been read."""

    line: int = 1
    """Number of the line that `rest` begins."""
    rest: bytes = b""
    """The beginning of a row whose end has not been read."""
    column: int | None = None
    """Where the code is; `None` until the first row has been read."""
    width: int = 1
    """How many fields a row has."""

    def as_object(self) -> PositionObject:
        """Write it for `from_object`."""
        rest = base64.b64encode(self.rest).decode()
        return {"line": self.line, "rest": rest, "column": self.column, "width": self.width}

    @classmethod
    def from_object(cls, written: PositionObject) -> "Position":
        """Read what `as_object` wrote."""
        return cls(**(written | {"rest": base64.b64decode(written["rest"])}))  # type: ignore[arg-type] # the rest is typed


@dataclass(slots=True)
class Rows:
    """What a block holds."""

    good: list[tuple[str, int]] = field(default_factory=list)
    """Codes of a legal form, and their lines."""
    refused: list[Refusal] = field(default_factory=list)


def read_rows(form: ListForm, position: Position, block: bytes, *, last: bool) -> Rows:
    """Read the rows that end in a block of a list, and move `position` behind them.

    Args:
        form: How the list is written.
        position: Where the block begins.
        block: The next bytes, any number of them.
        last: Whether the list ends with them.

    Raises:
        UnreadableList: What follows cannot be read.
    """
    data = position.rest + block
    if last and data and not data.endswith(b"\n"):
        data += b"\n"
    whole, end, position.rest = data.rpartition(b"\n")
    rows = Rows()
    if end:
        lines = whole.split(b"\n")
        if position.line == 1:
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        read = _read_csv if form is ListForm.CSV else _read_ndjson
        read(lines, position, rows, last=last)
    _require_short(position.rest, position.line)
    return rows


def _read_ndjson(lines: list[bytes], position: Position, rows: Rows, *, last: bool) -> None:  # noqa: ARG001 - as _read_csv
    for number, line in enumerate(lines, position.line):
        if plain := _PLAIN_OBJECT.fullmatch(line):
            rows.good.append((plain[1].decode(), number))
        elif line.strip():
            _require_short(line, number)
            _judge(rows, number, line, _member_of)
    position.line += len(lines)


def _read_csv(lines: list[bytes], position: Position, rows: Rows, *, last: bool) -> None:
    first, numbered = position.line, iter(enumerate(lines, position.line))
    for number, line in numbered:
        if position.column is not None and position.width == 1 and _PLAIN_CODE.fullmatch(line):
            rows.good.append((line.rstrip(b"\r").decode(), number))
        elif line not in {b"", b"\r"}:
            record = _complete(line, number, numbered) if b'"' in line else line
            _require_short(record, number)
            if record is not line and not last and _is_open(record):
                position.line, position.rest = number, record + b"\n" + position.rest
                return
            if position.column is not None or not _is_header(record, number, position):
                _judge(rows, number, record, partial(_field_of, position))
    position.line = first + len(lines)


def _complete(line: bytes, number: int, following: Iterator[tuple[int, bytes]]) -> bytes:
    """Add the lines that belong to a row because a quoted field goes on in them.

    Raises:
        UnreadableList: It goes on for too long.
    """
    if not _is_open(line):
        return line
    parts, size, quotes = [line], len(line), line.count(b'"')
    for _, more in following:
        parts.append(more)
        size += 1 + len(more)
        quotes += more.count(b'"')
        if size > MAX_ROW_BYTES:
            raise UnreadableList(number, Reason.ROW_TOO_LONG)
        if quotes % 2 == 0:
            break
    return b"\n".join(parts)


def _is_open(record: bytes) -> bool:
    """Say whether a row ends within a quoted field."""
    return _OPEN_RECORD.fullmatch(record) is not None


def _is_header(record: bytes, number: int, position: Position) -> bool:
    """Learn from the first row where the code is, and say whether it is a header.

    Raises:
        UnreadableList: It does not say where.
    """
    try:
        names = [name.strip().casefold() for name in _fields_of(record)]
    except _RowError as error:
        raise UnreadableList(number, error.reason) from error
    if names.count(COLUMN) != 1 and len(names) > 1:
        raise UnreadableList(number, Reason.NO_COLUMN)
    header = COLUMN in names
    position.column = names.index(COLUMN) if header else 0
    position.width = len(names)
    return header


def _field_of(position: Position, record: bytes) -> str:
    """Return the code of a row of CSV, which need not be a legal one."""
    fields = _fields_of(record)
    if len(fields) != position.width:
        raise _RowError(Reason.FIELDS)
    return fields[position.column or 0]


def _fields_of(record: bytes) -> list[str]:
    if not _RECORD.fullmatch(record):
        raise _RowError(Reason.MALFORMED)
    text = _text_of(record).removesuffix("\r")
    return next(csv.reader([text], strict=True)) if '"' in text else text.split(",")


def _member_of(line: bytes) -> str:
    """Return the code of a line of NDJSON, which need not be a legal one."""
    try:
        found = json.loads(_text_of(line), object_pairs_hook=_unlike, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _RowError(Reason.MALFORMED) from error
    if not isinstance(found, dict):
        raise _RowError(Reason.MALFORMED)
    if not isinstance(found.get(COLUMN), str):
        raise _RowError(Reason.MISSING)
    code: str = found[COLUMN]
    return code


def _unlike(members: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(members)
    if len(content) < len(members):
        raise ValueError("A member is there twice.")
    return content


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON.")


def _text_of(record: bytes) -> str:
    try:
        return record.decode()
    except UnicodeDecodeError as error:
        raise _RowError(Reason.NOT_UTF8) from error


def _require_short(record: bytes, number: int) -> None:
    if len(record) > MAX_ROW_BYTES:
        raise UnreadableList(number, Reason.ROW_TOO_LONG)


def _judge(rows: Rows, number: int, record: bytes, code_of: Callable[[bytes], str]) -> None:
    """Put a row where it belongs."""
    try:
        code = code_of(record)
    except _RowError as error:
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


class _RowError(Exception):
    """What is wrong with one row."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason
