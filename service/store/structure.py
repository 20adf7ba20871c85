"""What must hold of the tables as such: the revision, the keys, and what SQLite itself checks."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import (
    CheckConstraint,
    Connection,
    ForeignKeyConstraint,
    Index,
    Inspector,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    inspect,
)

from service.store.schema import current_revision, newest_revision
from service.store.tables import belongs, metadata

Breach = tuple[str, int]
"""What is broken, and how often."""


class Structure(NamedTuple):
    """What holds, and the function that finds where it does not."""

    name: str
    meaning: str
    find: Callable[[Connection], Iterable[Breach]]


def _other_revision(connection: Connection) -> Iterator[Breach]:
    found, wanted = current_revision(connection), newest_revision()
    if found != wanted:
        yield f"at revision {found}, wanted {wanted}: run db upgrade", 1


def missing_keys(connection: Connection) -> Iterator[Breach]:
    """Find the tables, keys, indexes and rules that are declared and not there."""
    inspector = inspect(connection)
    for table in metadata.sorted_tables:
        if not inspector.has_table(table.name):
            yield f"no table {table.name}", 1
            continue
        declared = _declared(table, connection.dialect.name)
        for missing in sorted(declared - _found(inspector, table.name)):
            yield f"{table.name} without {missing}", 1


def _declared(table: Table, engine: str) -> set[str]:
    """Name the keys and rules that a table should have on an engine."""
    names = {PrimaryKeyConstraint: "primary key", UniqueConstraint: "unique key"}
    keys = {_index(index) for index in table.indexes if belongs(index, engine)}
    for rule in table.constraints:
        if not belongs(rule, engine):
            continue
        if isinstance(rule, CheckConstraint):
            keys.add(f"check {rule.name}")
        elif isinstance(rule, ForeignKeyConstraint):
            keys.add(f"foreign key {_list(rule.column_keys)}")
        elif isinstance(rule, PrimaryKeyConstraint | UniqueConstraint):
            keys.add(f"{names[type(rule)]} {_list(rule.columns.keys())}")
    return keys


def _index(index: Index) -> str:
    where = index.dialect_options["sqlite"]["where"]
    return _index_named(index.name, index.columns.keys(), unique=index.unique, where=where)


def _found(inspector: Inspector, table: str) -> set[str]:
    """Name the keys and rules that a table has."""
    primary = inspector.get_pk_constraint(table)["constrained_columns"]
    return {
        f"primary key {_list(primary)}",
        *(
            f"unique key {_list(key['column_names'])}"
            for key in inspector.get_unique_constraints(table)
        ),
        *(
            f"foreign key {_list(key['constrained_columns'])}"
            for key in inspector.get_foreign_keys(table)
        ),
        *(f"check {rule['name']}" for rule in inspector.get_check_constraints(table)),
        *(
            _index_named(
                index["name"],
                index["column_names"],
                unique=index["unique"],
                where=index.get("dialect_options", {}).get("sqlite_where"),
            )
            for index in inspector.get_indexes(table)
        ),
    }


def _index_named(
    name: object, columns: Iterable[str | None], *, unique: object, where: object
) -> str:
    condition = "" if where is None else f" where {where}"
    return f"{'unique ' if unique else ''}index {name} {_list(columns)}{condition}"


def _list(columns: Iterable[str | None]) -> str:
    return f"({', '.join(map(str, columns))})"


def _dangling(connection: Connection) -> Iterator[Breach]:
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check")
    for (table, parent), count in Counter((row[0], row[2]) for row in rows).items():
        yield f"rows of {table} that refer to no {parent}", count


def _corrupt(connection: Connection) -> Iterator[Breach]:
    """SQLite's own report names tables, indexes, pages and row numbers, and no content."""
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if line != "ok":
            yield line, 1


STRUCTURE = (
    Structure("revision", "the tables are at the newest revision", _other_revision),
    Structure("keys", "the tables have all their keys, indexes and rules", missing_keys),
    Structure("integrity", "pages and indexes are sound, no rule is broken", _corrupt),
    Structure("references", "every reference leads to a row", _dangling),
)
