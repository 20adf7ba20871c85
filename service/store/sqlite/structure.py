"""The inspection of SQLite, and the domain's rules in its SQL."""

import sqlite3
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection

from service.domain.erasure import MARK
from service.store.maintenance.structure import Breach, Inspection, integrity, references, tables_of
from service.store.sqlite.snapshot import snapshot

_DAMAGE = {
    sqlite3.SQLITE_ERROR,  # no such table, no such column
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_NOTADB,
}
_LEGAL = "(typeof({0}) = 'text' AND is_{1}(CAST({0} AS BLOB)))"
_TOMBSTONE = f"{MARK}{'[0-9a-f]' * 8}.{'[0-9a-f]' * 64}"
RULES = {
    "tombstone": f"user_id GLOB '{_TOMBSTONE}'",
    "legal_name": _LEGAL.format("name", "name"),
    "legal_code": _LEGAL.format("code", "code"),
    "legal_user": _LEGAL.format("user_id", "user"),
    "legal_reference": _LEGAL.format("reference", "user"),
    "legal_answer": _LEGAL.format("answer", "answer"),
    "answered": "SELECT brand_id, kind, value AS name FROM idempotency, json_each("  # noqa: S608
    f"CASE WHEN {_LEGAL.format('answer', 'answer')} THEN answer ELSE '[]' END)",
}
"""The engine's rules in the statements of the invariants, with functions of `snapshot.py`."""


def _corrupt(connection: Connection) -> Iterator[Breach]:
    """SQLite's report names tables, indexes, pages and row numbers, but no content."""
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if line != "ok":
            yield line, 1


def _dangling(connection: Connection) -> Iterator[Breach]:
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check")
    for (table, parent), count in Counter((row[0], row[2]) for row in rows).items():
        yield f"rows of {table} that refer to no {parent}", count


def _is_damage(error: BaseException | None) -> bool:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return isinstance(error, sqlite3.Error) and code & 0xFF in _DAMAGE


INSPECTION = Inspection(
    snapshot,
    (*tables_of("sqlite"), integrity(_corrupt), references(_dangling)),
    RULES,
    _is_damage,
)
