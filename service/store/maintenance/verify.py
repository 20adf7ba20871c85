"""Checking every promise of the service in a live database, without touching it.

What is checked stands in two tables: `structure.py` for the tables as such, `invariants.py` for
what is in them. Each check runs, whatever the others found.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, TextClause, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from service.store.maintenance.invariants import INVARIANTS
from service.store.maintenance.structure import STRUCTURE, Breach, Find, Structure
from service.store.postgresql import snapshot as postgresql_snapshot
from service.store.postgresql import structure as postgresql
from service.store.sqlite import snapshot as sqlite_snapshot
from service.store.sqlite import structure as sqlite
from service.store.tables import brand, campaign

NAMED = 5
"""How many places a finding names; the rest is counted."""
_SQLITE_DAMAGE = {
    sqlite3.SQLITE_ERROR,  # no such table, no such column
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_NOTADB,
}
_POSTGRESQL_DAMAGE = ("21", "22", "23", "42", "XX")
"""Classes of SQLSTATE: no such table, a value that is no number, an index that is corrupt."""
_NO_RIGHT = "42501"


class Inspection(NamedTuple):
    """How one engine is looked at."""

    snapshot: Callable[[str], AbstractContextManager[Connection]]
    """Lends one unchanging view of the database that a URL names."""
    structure: Sequence[Structure]
    rules: Mapping[str, str]
    """What the statements of the invariants leave to the engine."""


_INSPECTIONS = {
    "sqlite": Inspection(
        sqlite_snapshot.snapshot,
        (*STRUCTURE, *sqlite.STRUCTURE),
        sqlite.RULES,
    ),
    "postgresql": Inspection(
        postgresql_snapshot.snapshot,
        (*STRUCTURE, *postgresql.STRUCTURE),
        postgresql.RULES,
    ),
}


def inspection_of(url: str) -> Inspection:
    """Return how a database is looked at.

    SQLAlchemy does not take every URL that libpq does, such as one of several hosts.
    """
    return _INSPECTIONS["sqlite" if url.startswith("sqlite:") else "postgresql"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    meaning: str
    breaches: int
    where: str
    """The first brands and campaigns, tables or keys with breaches; never a code or a user."""


def verify(url: str) -> Iterator[Finding]:
    """Run every check on one snapshot of the database, and tell of each as it ends.

    Args:
        url: As the settings have it.

    Raises:
        MaintenanceError: There is no such database, or it cannot be read.
    """
    inspection = inspection_of(url)
    with inspection.snapshot(url) as connection:
        yield from findings(connection, inspection)


def findings(connection: Connection, inspection: Inspection) -> Iterator[Finding]:
    """Run every check inside a transaction, and tell of each as it ends."""
    for name, meaning, find in inspection.structure:
        yield _finding(name, meaning, connection, find)
    for name, meaning, sql in INVARIANTS:
        statement = text(sql.format_map(inspection.rules))
        yield _finding(name, meaning, connection, partial(_breaches, statement))


def _finding(name: str, meaning: str, connection: Connection, find: Find) -> Finding:
    """Count breaches and name the first; a check that damage makes fail has found something, too.

    Raises:
        DBAPIError: The database cannot be read, which says nothing of what is in it.
    """
    breaches: list[Breach] = []
    try:
        with connection.begin_nested():  # else PostgreSQL would let no other check run
            breaches.extend(find(connection))
    except SQLAlchemyError as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(error, DBAPIError) and not _is_damage(error.orig):
            raise
        breaches.append((f"cannot be checked: {reason}", 1))
    places = [f"{place} ({count})" for place, count in breaches[:NAMED]]
    if len(breaches) > NAMED:
        places.append("…")
    return Finding(name, meaning, sum(count for _, count in breaches), ", ".join(places))


def _is_damage(error: BaseException | None) -> bool:
    """Say whether an error shows that tables are not as they should be.

    A lost connection, a lock, a disk that fails or rights that are missing do not.
    """
    if isinstance(error, sqlite3.Error):
        primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        return primary in _SQLITE_DAMAGE
    state = getattr(error, "sqlstate", None) or ""
    return state != _NO_RIGHT and state.startswith(_POSTGRESQL_DAMAGE)


def _breaches(statement: TextClause, connection: Connection) -> Iterator[Breach]:
    """Run an invariant's statement, and name the pools that it finds."""
    for number, (brand_id, campaign_id, count) in enumerate(connection.execute(statement)):
        yield _name(connection, brand_id, campaign_id) if number < NAMED else "", count


def _name(connection: Connection, brand_id: int, campaign_id: int | None) -> str:
    """Name a brand or a campaign, by their ids where they have no names."""
    of_brand = select(brand.c.name).where(brand.c.id == brand_id)
    named = _quoted("brand", brand_id, connection.execute(of_brand).scalar())
    if campaign_id is None:
        return named
    of_campaign = select(campaign.c.name).where(
        campaign.c.brand_id == brand_id, campaign.c.id == campaign_id
    )
    found = connection.execute(of_campaign).scalar()
    return f"{named} {_quoted('campaign', campaign_id, found)}"


def _quoted(kind: str, key: int, name: object) -> str:
    """Show a name that may hold anything on one line of a terminal."""
    return f"{kind} {key} without a row" if name is None else f"{kind} {name!r:.80}"
