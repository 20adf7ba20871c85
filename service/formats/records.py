"""Rows of lists of codes: their ends and their fields, in CSV (RFC 4180) or JSON."""

import csv
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NoReturn

from service.domain.codes import MAX_LENGTH, MIN_LENGTH
from service.formats.columns import CODE, CODE_COLUMNS
from service.formats.refusals import MAX_ROW_BYTES, Reason, RefusedRow, UnreadableList
from service.formats.strict_json import unique_members

# A row of CSV whose quotes are right, and one that ends within a quoted field. Neither expression
# can match a text in two ways, so neither takes longer than it is long.
_FIELD = rb'(?:"(?:[^"]|"")*"|[^",]*)'
_RECORD = re.compile(rb"%b(?:,%b)*\r?" % (_FIELD, _FIELD))
_OPEN_RECORD = re.compile(rb'(?:%b,)*"(?:[^"]|"")*' % _FIELD)

# The simple form of nearly all rows: nothing quoted, nothing long. Members are those of an export.
_CODE = f"([A-Za-z0-9][A-Za-z0-9-]{{{MIN_LENGTH - 2},{MAX_LENGTH - 2}}}[A-Za-z0-9])"
_PLAIN_FIELD = r'[^",\r\n]{0,500}'
_PLAIN_OBJECT = rf'\{{"{CODE}": ?"{_CODE}"' + "".join(
    rf'(?:, ?"{name}": ?(?:null|0|[1-9][0-9]{{0,9}}|"[^"\\\x00-\x1f]{{0,500}}"))?'
    for name in CODE_COLUMNS[1:]
)
_MOST_FIELDS = 100


def complete(line: bytes, number: int, following: Iterator[tuple[int, bytes]]) -> bytes:
    """Return a row with the following lines that a quoted field spans.

    Raises:
        UnreadableList: The row is too long.
    """
    if not is_open(line):
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


@lru_cache
def plain_rows(column: int | None, width: int) -> re.Pattern[str] | None:
    """Return a pattern for the codes of simple CSV rows in a text of many rows."""
    if column is None or width > _MOST_FIELDS:
        return None
    before = f"(?:{_PLAIN_FIELD},){{{column}}}"
    after = f"(?:,{_PLAIN_FIELD}){{{width - column - 1}}}"
    return re.compile(rf"^{before}{_CODE}{after}\r?$", re.MULTILINE)


PLAIN_OBJECTS = re.compile(rf"^{_PLAIN_OBJECT}\}}\r?$", re.MULTILINE)
"""A pattern for the codes of simple NDJSON lines in a text of many lines."""


def is_open(record: bytes) -> bool:
    """Return whether a row ends within a quoted field."""
    return _OPEN_RECORD.fullmatch(record) is not None


def fields_of(record: bytes) -> list[str]:
    """Split a row of CSV.

    Raises:
        RefusedRow: The row is malformed.
    """
    if not _RECORD.fullmatch(record):
        raise RefusedRow(Reason.MALFORMED)
    text = _text_of(record).removesuffix("\r")
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise RefusedRow(Reason.MALFORMED) from error


def member_of(line: bytes) -> str:
    """Return the code of a line of NDJSON, valid or not.

    Raises:
        RefusedRow: There is none.
    """
    try:
        found = json.loads(
            _text_of(line), object_pairs_hook=unique_members, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise RefusedRow(Reason.MALFORMED) from error
    if not isinstance(found, dict):
        raise RefusedRow(Reason.MALFORMED)
    if not isinstance(found.get(CODE), str):
        raise RefusedRow(Reason.MISSING)
    code: str = found[CODE]
    return code


def is_object(line: bytes) -> bool:
    """Return whether a line is a well-formed JSON object, whatever is in it."""
    try:
        member_of(line)
    except RefusedRow as error:
        return error.reason is Reason.MISSING
    return True


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON.")


def _text_of(record: bytes) -> str:
    try:
        return record.decode()
    except UnicodeDecodeError as error:
        raise RefusedRow(Reason.NOT_UTF8) from error


def require_short(record: bytes, number: int) -> None:
    """Require that a row, complete or not, is not too long.

    Raises:
        UnreadableList: It is.
    """
    if len(record) > MAX_ROW_BYTES:
        raise UnreadableList(number, Reason.ROW_TOO_LONG)
