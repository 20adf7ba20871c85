"""Checksums of tables, computed here row by row."""

import hashlib

from sqlalchemy import Connection, Table

from service.store.maintenance.checksums import BYTES, Checksum, row_as_text
from service.store.sqlite.connections import driver_of


def checksum(connection: Connection, table: Table) -> Checksum:
    """Return the checksum of a table over the columns of both engines."""
    rows = digests = 0
    row = row_as_text(table, "hex({0})")
    query = f"SELECT CAST({row} AS BLOB) FROM {table.name}"  # noqa: S608 - names of our tables
    for (line,) in driver_of(connection).execute(query):
        rows += 1
        digests += int.from_bytes(hashlib.sha256(line).digest()[:BYTES], "big")
    return Checksum(rows, digests)
