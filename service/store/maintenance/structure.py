"""Checks of the tables' structure: revision and keys; each engine adds its own."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
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
from sqlalchemy.engine.interfaces import ReflectedIndex

from service.store.migrations.current import current_revision
from service.store.migrations.revisions import why_unfit
from service.store.tables import belongs, metadata

Breach = tuple[str, int]
"""A violation, and how often it occurs."""
Find = Callable[[Connection], Iterable[Breach]]
"""Finds violations."""


_ADDED = re.compile(r"::\w+|[()]")
"""Casts and brackets, which PostgreSQL adds to conditions."""


class Structure(NamedTuple):
    """A check of the structure, with the function that finds violations."""

    name: str
    meaning: str
    find: Find


class Inspection(NamedTuple):
    """The inspection of an engine."""

    snapshot: Callable[[str], AbstractContextManager[Connection]]
    """Yields a snapshot of the database at a URL."""
    structure: Sequence[Structure]
    rules: Mapping[str, str]
    """The engine's rules in the statements of the invariants."""
    is_damage: Callable[[BaseException | None], bool]
    """Returns whether an error shows damaged tables.

    A lost connection, a lock, a disk error or missing rights do not.
    """


def _other_revision(connection: Connection) -> Iterator[Breach]:
    if why := why_unfit(current_revision(connection)):
        yield why, 1


def missing_keys(engine: str, connection: Connection) -> Iterator[Breach]:
    """Return the missing tables, keys, indexes and constraints of an engine."""
    found = _found(inspect(connection), engine)
    for table in metadata.sorted_tables:
        if table.name not in found:
            yield f"no table {table.name}", 1
            continue
        for missing in sorted(_declared(table, engine) - found[table.name]):
            yield f"{table.name} without {missing}", 1


def _declared(table: Table, engine: str) -> set[str]:
    """Return the keys and constraints that a table should have on an engine."""
    names = {PrimaryKeyConstraint: "primary key", UniqueConstraint: "unique key"}
    keys = {_index(index, engine) for index in table.indexes if belongs(index, engine)}
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


def _index(index: Index, engine: str) -> str:
    where = index.dialect_options[engine]["where"]
    return _index_named(index.name, index.columns.keys(), unique=index.unique, where=where)


def _found(inspector: Inspector, engine: str) -> dict[str, set[str]]:
    """Return the keys and constraints of each table.

    One query is for all tables, as PostgreSQL takes as long for one.
    """
    ours = [*metadata.tables]
    found = {
        table: {f"primary key {_list(primary['constrained_columns'])}"}
        for (_, table), primary in inspector.get_multi_pk_constraint(filter_names=ours).items()
    }
    for (_, table), keys in inspector.get_multi_unique_constraints(filter_names=ours).items():
        found[table] |= {f"unique key {_list(key['column_names'])}" for key in keys}
    for (_, table), references in inspector.get_multi_foreign_keys(filter_names=ours).items():
        found[table] |= {f"foreign key {_list(key['constrained_columns'])}" for key in references}
    for (_, table), rules in inspector.get_multi_check_constraints(filter_names=ours).items():
        found[table] |= {f"check {rule['name']}" for rule in rules}
    for (_, table), indexes in inspector.get_multi_indexes(filter_names=ours).items():
        found[table] |= {_index_found(index, engine) for index in indexes}
    return found


def _index_found(index: ReflectedIndex, engine: str) -> str:
    where = index.get("dialect_options", {}).get(f"{engine}_where")
    return _index_named(index["name"], index["column_names"], unique=index["unique"], where=where)


def _index_named(
    name: object, columns: Iterable[str | None], *, unique: object, where: object
) -> str:
    condition = "" if where is None else f" where {_ADDED.sub('', str(where))}"
    return f"{'unique ' if unique else ''}index {name} {_list(columns)}{condition}"


def _list(columns: Iterable[str | None]) -> str:
    return f"({', '.join(map(str, columns))})"


def tables_of(engine: str) -> tuple[Structure, ...]:
    """Return the check of the tables of an engine, by SQLAlchemy's name."""
    revision = "the tables are at the newest revision, or a newer one"
    keys = "the tables have all their keys, indexes and rules"
    return (
        Structure("revision", revision, _other_revision),
        Structure("keys", keys, partial(missing_keys, engine)),
    )


def integrity(find: Find) -> Structure:
    """Return the engine's own integrity check."""
    return Structure("integrity", "pages and indexes are sound, no rule is broken", find)


def references(find: Find) -> Structure:
    """Return the engine's check of dangling references."""
    return Structure("references", "every reference leads to a row", find)
