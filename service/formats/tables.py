"""Incremental writing of long lists in CSV (RFC 4180) or NDJSON.

Spreadsheets interpret a cell that begins with certain characters as a formula. No code, state or
timestamp begins with one; if the data is ever damaged, an apostrophe makes the cell a text.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import orjson

from service.domain.model import CodeRow
from service.formats.list_form import ListType
from service.formats.refusals import Reason, Refusal
from service.formats.timestamps import timestamp

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of formulas: https://owasp.org/www-community/attacks/CSV_Injection"""

Table = Iterable[Sequence[Sequence[Any]]]
"""Rows in parts, with cells in the order of the columns."""


def code_table(parts: Iterable[Sequence[CodeRow]]) -> Table:
    """Return a table of codes with `CODE_COLUMNS`."""
    moment = lru_cache(maxsize=1024)(timestamp)  # codes were made many at a time
    for part in parts:
        yield [
            (code, state, moment(made), moment(reserved), moment(end), moment(redeemed), version)
            for code, state, made, reserved, end, redeemed, version, *_ in part
        ]


def report_table(parts: Iterator[Sequence[Refusal]]) -> Table:
    """Return a table of refusals with `REPORT_COLUMNS`."""
    for part in parts:
        yield [(line, str(reason), Reason.text_of(reason)) for line, reason in part]


def written(columns: Sequence[str], table: Table, list_type: ListType) -> Iterator[bytes]:
    """Yield a table in its format, part by part."""
    return _WRITERS[list_type](columns, table)


def _write_ndjson(columns: Sequence[str], table: Table) -> Iterator[bytes]:
    for part in table:
        yield b"".join(
            orjson.dumps(dict(zip(columns, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
            for row in part
        )


def _write_csv(columns: Sequence[str], table: Table) -> Iterator[bytes]:
    parts = iter(table)
    yield _as_csv([columns, *next(parts, ())])
    for part in parts:
        yield _as_csv(part)


def _as_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(
        row if not str(row[0]).startswith(FORMULA) else (f"'{row[0]}", *row[1:]) for row in rows
    )
    return text.getvalue().encode()


_WRITERS = {ListType.CSV: _write_csv, ListType.NDJSON: _write_ndjson}
