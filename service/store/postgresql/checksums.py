"""Checksums of tables, computed by the server."""

from sqlalchemy import Connection, Table, text

from service.store.maintenance.checksums import BYTES, Checksum, row_as_text

_SUM = f"""
    SELECT count(*), coalesce(sum(CAST(CAST('x' || encode(
        substr(sha256(convert_to({{row}}, 'UTF8')), 1, {BYTES}), 'hex'
    ) AS BIT({8 * BYTES})) AS BIGINT)), 0) FROM {{table}}
"""  # noqa: S608 - constants


def checksum(connection: Connection, table: Table) -> Checksum:
    """Return the checksum of a table over the columns of both engines."""
    row = row_as_text(table, "upper(encode({0}, 'hex'))")
    statement = text(_SUM.format(row=row, table=table.name))
    rows, digests = connection.execute(statement).one()
    return Checksum(rows, int(digests))
