"""Checksums of tables, independent of the order of rows, and equal on both engines.

Each engine represents a row as one text, and the digests of the texts are added up: by the server
on PostgreSQL, here on SQLite, so that the two are independent.
"""

from typing import NamedTuple

from sqlalchemy import Boolean, Column, LargeBinary, Table

from service.store.tables import belongs_to_all

BYTES = 7
"""How many bytes of a digest are added up: those of a positive integer of PostgreSQL."""
_FIELD = "CASE WHEN {0} IS NULL THEN '-' ELSE length({1}) || ':' || {1} END"


class Checksum(NamedTuple):
    """The number of rows, and the sum of their digests."""

    rows: int
    digests: int


def row_as_text(table: Table, blob: str) -> str:
    """Return an expression for a row as one text, over the columns of both engines.

    Args:
        table: The table.
        blob: The engine's expression for a column's bytes in hexadecimal digits.
    """
    return " || ".join(_field(column, blob) for column in shared_columns(table))


def shared_columns(table: Table) -> list[Column[object]]:
    """Return the columns that a table has on both engines."""
    return [column for column in table.columns if belongs_to_all(column)]


def _field(column: Column[object], blob: str) -> str:
    """Return an unambiguous expression for a column, even next to other columns."""
    if isinstance(column.type, LargeBinary):
        value = blob.format(column.name)
    elif isinstance(column.type, Boolean):
        value = f"CAST(CAST({column.name} AS INTEGER) AS TEXT)"
    else:
        value = f"CAST({column.name} AS TEXT)"
    return _FIELD.format(column.name, value)
