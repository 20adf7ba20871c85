"""Staged codes: checked codes of imports that will be stored.

Until then, nobody else may create them. On SQLite, with its single writer, every creation of codes
checks here first, so the check stays valid. On PostgreSQL, with many writers, the transaction that
stores a file decides.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select, text
from sqlalchemy.sql.elements import TextClause

from service.domain.codes import Mint
from service.store.dialect import dialect_of
from service.store.imports.staging import LIVE_FILES
from service.store.tables import code, import_row
from service.usecases.keys import FileKey
from service.usecases.ports.chunk import Row

_TAKEN = """
    SELECT value FROM {codes} AS given
    WHERE EXISTS (SELECT 1 FROM code WHERE code.brand_id = :brand_id AND code.code = given.value)
"""
_NEXT = """
    SELECT code FROM import_row WHERE brand_id = :brand_id AND file = :file AND code > :after
    ORDER BY code LIMIT :most
"""


def taken(connection: Connection, brand_id: int, codes: Sequence[str]) -> set[str]:
    """Return the codes that the brand already has."""
    values = {"brand_id": brand_id, "codes": json.dumps(codes)}
    statement = text(_TAKEN.format(codes=dialect_of(connection).texts("codes")))
    return set(connection.execute(statement, values).scalars())


def stage(connection: Connection, brand_id: int, file: FileKey, rows: Sequence[Row]) -> set[str]:
    """Stage codes of a file, and return those that another open import has staged."""
    dialect = dialect_of(connection)
    if dialect.bulk_stage(connection, [(brand_id, code, file.id, line) for code, line in rows]):
        return set()
    statement = _given(
        connection,
        "INSERT INTO import_row (brand_id, code, file, line) "
        "SELECT :brand_id, code, :file, line FROM {rows} AS given WHERE TRUE "
        "ON CONFLICT (brand_id, code) DO UPDATE SET file = excluded.file, line = excluded.line "
        "WHERE import_row.file NOT IN ({live})",
    )
    values = {"brand_id": brand_id, "file": file.id, "rows": json.dumps(rows)}
    if connection.execute(statement, values).rowcount == len(rows):
        return set()
    others = _given(
        connection,
        "SELECT given.code FROM {rows} AS given JOIN import_row ON "
        "import_row.brand_id = :brand_id AND import_row.code = given.code "
        "WHERE import_row.file <> :file",
    )
    return set(connection.execute(others, values).scalars())


def next_staged(
    connection: Connection, brand_id: int, file: FileKey, after: str, limit: int
) -> Sequence[str]:
    """Return a file's next codes, at most `limit`, in order."""
    values = {"brand_id": brand_id, "file": file.id, "after": after, "most": limit}
    return dialect_of(connection).first_column(connection, _NEXT, values)


def clashes(connection: Connection, brand_id: int, file: FileKey) -> Sequence[Row]:
    """Return a file's codes that the brand has by now."""
    rows = connection.execute(
        select(import_row.c.code, import_row.c.line)
        .join(code, (code.c.brand_id == import_row.c.brand_id) & (code.c.code == import_row.c.code))
        .where(import_row.c.brand_id == brand_id, import_row.c.file == file.id)
    )
    return [(row.code, row.line) for row in rows]


def excluding(connection: Connection, brand_id: int, mint: Mint) -> Mint:
    """Return `mint` without the codes that an import of the brand has staged."""
    if not connection.execute(select(_some_staged(brand_id).exists())).scalar_one():
        return mint

    def mint_excluding(count: int) -> Sequence[str]:
        made = mint(count)
        statement = _given(
            connection,
            "SELECT given.code FROM {rows} AS given JOIN import_row ON "
            "import_row.brand_id = :brand_id AND import_row.code = given.code",
        )
        values = {"brand_id": brand_id, "rows": json.dumps([(each, 0) for each in made])}
        staged = set(connection.execute(statement, values).scalars())
        return [each for each in made if each not in staged] if staged else made

    return mint_excluding


def _some_staged(brand_id: int) -> Select[Any]:
    return select(import_row.c.code).where(import_row.c.brand_id == brand_id)


def _given(connection: Connection, statement: str) -> TextClause:
    rows = dialect_of(connection).rows("rows", code="TEXT", line="INTEGER")
    return text(statement.format(rows=rows, live=LIVE_FILES))
