"""Checksums of a table that do not depend on the order of its rows, the same on both engines.

Each engine writes a row as one text, column by column, and the texts' digests are added up: by the
server on PostgreSQL, here on SQLite, so that neither takes the other's word.
"""

from typing import NamedTuple

from sqlalchemy import Boolean, Column, LargeBinary, Table

from service.store.tables import belongs_to_all

BYTES = 7
"""How much of a digest is added up: as much as PostgreSQL takes for a positive integer."""
_FIELD = "CASE WHEN {0} IS NULL THEN '-' ELSE length({1}) || ':' || {1} END"


class Checksum(NamedTuple):
    """How many rows there are, and the sum of their digests."""

    rows: int
    digests: int


def row_as_text(table: Table, blob: str) -> str:
    """Write a row, over all columns that both engines have, as one text.

    Args:
        table: Whose row.
        blob: How an engine writes the bytes of a column in hexadecimal digits.
    """
    return " || ".join(_field(column, blob) for column in shared_columns(table))


def shared_columns(table: Table) -> list[Column[object]]:
    """Return the columns that a table has on both engines."""
    return [column for column in table.columns if belongs_to_all(column)]


def _field(column: Column[object], blob: str) -> str:
    """Write a column so that no two values of it look alike, nor two neighbours like others."""
    if isinstance(column.type, LargeBinary):
        value = blob.format(column.name)
    elif isinstance(column.type, Boolean):
        value = f"CAST(CAST({column.name} AS INTEGER) AS TEXT)"
    else:
        value = f"CAST({column.name} AS TEXT)"
    return _FIELD.format(column.name, value)
