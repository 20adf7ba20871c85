"""What must hold of the tables as such: revision and keys; each engine adds its own checks."""

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
"""What is broken, and how often."""
Find = Callable[[Connection], Iterable[Breach]]
"""Finds where something does not hold."""


_ADDED = re.compile(r"::\w+|[()]")
"""What PostgreSQL adds to a condition when it shows it: types and brackets."""


class Structure(NamedTuple):
    """What holds, and the function that finds where it does not."""

    name: str
    meaning: str
    find: Find


class Inspection(NamedTuple):
    """How one engine is looked at."""

    snapshot: Callable[[str], AbstractContextManager[Connection]]
    """Lends one unchanging view of the database that a URL names."""
    structure: Sequence[Structure]
    rules: Mapping[str, str]
    """What the statements of the invariants leave to the engine."""
    is_damage: Callable[[BaseException | None], bool]
    """Says whether an error shows that tables are not as they should be.

    A lost connection, a lock, a disk that fails or rights that are missing do not.
    """


def _other_revision(connection: Connection) -> Iterator[Breach]:
    if why := why_unfit(current_revision(connection)):
        yield why, 1


def missing_keys(engine: str, connection: Connection) -> Iterator[Breach]:
    """Find the tables, keys, indexes and rules that an engine should have and has not."""
    found = _found(inspect(connection), engine)
    for table in metadata.sorted_tables:
        if table.name not in found:
            yield f"no table {table.name}", 1
            continue
        for missing in sorted(_declared(table, engine) - found[table.name]):
            yield f"{table.name} without {missing}", 1


def _declared(table: Table, engine: str) -> set[str]:
    """Name the keys and rules that a table should have on an engine."""
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
    """Name the keys and rules that each table has.

    All tables are asked about at once: PostgreSQL takes as long for one as for all.
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
    """Say what holds of the tables on an engine, by SQLAlchemy's name."""
    revision = "the tables are at the newest revision, or a newer one"
    keys = "the tables have all their keys, indexes and rules"
    return (
        Structure("revision", revision, _other_revision),
        Structure("keys", keys, partial(missing_keys, engine)),
    )


def integrity(find: Find) -> Structure:
    """Say how an engine finds what is unsound in its own eyes."""
    return Structure("integrity", "pages and indexes are sound, no rule is broken", find)


def references(find: Find) -> Structure:
    """Say how an engine finds references that lead nowhere."""
    return Structure("references", "every reference leads to a row", find)
