"""Checksums of a table that do not depend on the order of its rows, the same on both engines.

Each engine writes a row as one text, column by column, and the texts' digests are added up: by the
server on PostgreSQL, here on SQLite, so that neither takes the other's word.
"""

import hashlib
from typing import NamedTuple

from sqlalchemy import Boolean, Column, Connection, LargeBinary, Table, text

from service.store.sqlite.database import driver_of
from service.store.tables import belongs

_BYTES = 7
"""How much of a digest is added up: as much as PostgreSQL takes for a positive integer."""
_FIELD = "CASE WHEN {0} IS NULL THEN '-' ELSE length({1}) || ':' || {1} END"
_BLOBS = {"sqlite": "hex({0})", "postgresql": "upper(encode({0}, 'hex'))"}
_ON_POSTGRESQL = f"""
    SELECT count(*), coalesce(sum(CAST(CAST('x' || encode(
        substr(sha256(convert_to({{row}}, 'UTF8')), 1, {_BYTES}), 'hex'
    ) AS BIT({8 * _BYTES})) AS BIGINT)), 0) FROM {{table}}
"""  # noqa: S608 - constants


class Checksum(NamedTuple):
    """How many rows there are, and the sum of their digests."""

    rows: int
    digests: int


def checksum(connection: Connection, table: Table) -> Checksum:
    """Add up a table, over all columns that both engines have."""
    engine = connection.dialect.name
    row = " || ".join(_field(column, engine) for column in shared_columns(table))
    if engine == "postgresql":
        rows, digests = connection.execute(
            text(_ON_POSTGRESQL.format(row=row, table=table.name))
        ).one()
        return Checksum(rows, int(digests))
    rows = digests = 0
    query = f"SELECT CAST({row} AS BLOB) FROM {table.name}"  # noqa: S608 - names of our tables
    for (line,) in driver_of(connection).execute(query):
        rows += 1
        digests += int.from_bytes(hashlib.sha256(line).digest()[:_BYTES], "big")
    return Checksum(rows, digests)


def shared_columns(table: Table) -> list[Column[object]]:
    """Return the columns that a table has on both engines."""
    return [
        column
        for column in table.columns
        if belongs(column, "sqlite") and belongs(column, "postgresql")
    ]


def _field(column: Column[object], engine: str) -> str:
    """Write a column so that no two values of it look alike, nor two neighbours like others."""
    if isinstance(column.type, LargeBinary):
        value = _BLOBS[engine].format(column.name)
    elif isinstance(column.type, Boolean):
        value = f"CAST(CAST({column.name} AS INTEGER) AS TEXT)"
    else:
        value = f"CAST({column.name} AS TEXT)"
    return _FIELD.format(column.name, value)
