"""What SQLite says of its own tables, and the domain's rules in its SQL."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection

from service.store.maintenance.structure import Breach, integrity, references

_LEGAL = "(typeof({0}) = 'text' AND is_{1}(CAST({0} AS BLOB)))"
RULES = {
    "legal_name": _LEGAL.format("name", "name"),
    "legal_code": _LEGAL.format("code", "code"),
    "legal_user": _LEGAL.format("user_id", "user"),
    "legal_answer": _LEGAL.format("answer", "answer"),
    "answered": "SELECT brand_id, kind, value AS name FROM idempotency, json_each("  # noqa: S608
    f"CASE WHEN {_LEGAL.format('answer', 'answer')} THEN answer ELSE '[]' END)",
}
"""What the invariants leave to the engine; `snapshot.py` lends its SQL the functions."""


def _corrupt(connection: Connection) -> Iterator[Breach]:
    """SQLite's own report names tables, indexes, pages and row numbers, and no content."""
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if line != "ok":
            yield line, 1


def _dangling(connection: Connection) -> Iterator[Breach]:
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check")
    for (table, parent), count in Counter((row[0], row[2]) for row in rows).items():
        yield f"rows of {table} that refer to no {parent}", count


STRUCTURE = (integrity(_corrupt), references(_dangling))
