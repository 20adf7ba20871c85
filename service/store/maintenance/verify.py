"""Verification of the guarantees of the service in a live database, read-only.

The checks are in `structure.py` for the structure of the tables, and in `invariants.py` for
the data. All checks run, whatever the others find.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, TextClause, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from service.store.engines import engine_of
from service.store.maintenance.invariants import INVARIANTS
from service.store.maintenance.structure import Breach, Find, Inspection, Structure
from service.store.tables import brand, campaign

NAMED = 5
"""How many places a finding names; the others are only counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check."""

    name: str
    meaning: str
    breaches: int
    where: str
    """The first brands and campaigns, tables or keys with violations; never a code or a user."""


def verify(url: str, *more: Structure) -> Iterator[Finding]:
    """Run all checks on one snapshot of the database, and yield each result.

    Args:
        url: The URL, as in the settings.
        more: More checks.

    Raises:
        MaintenanceError: There is no such database, or it cannot be read.
    """
    inspection = engine_of(url).inspection()
    with inspection.snapshot(url) as connection:
        yield from findings(connection, inspection)
        for name, meaning, find in more:
            yield _finding(name, meaning, connection, find, inspection)


def findings(connection: Connection, inspection: Inspection) -> Iterator[Finding]:
    """Run all checks inside a transaction, and yield each result."""
    for name, meaning, find in inspection.structure:
        yield _finding(name, meaning, connection, find, inspection)
    for name, meaning, sql in INVARIANTS:
        statement = text(sql.format_map(inspection.rules))
        yield _finding(name, meaning, connection, partial(_breaches, statement), inspection)


def _finding(
    name: str, meaning: str, connection: Connection, find: Find, inspection: Inspection
) -> Finding:
    """Count violations and name the first ones; a failure because of damage is a violation.

    Raises:
        DBAPIError: The database cannot be read, which says nothing about the data.
    """
    breaches: list[Breach] = []
    try:
        with connection.begin_nested():  # otherwise PostgreSQL would run no other check
            breaches.extend(find(connection))
    except SQLAlchemyError as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(error, DBAPIError) and not inspection.is_damage(error.orig):
            raise
        breaches.append((f"cannot be checked: {reason}", 1))
    places = [f"{place} ({count})" for place, count in breaches[:NAMED]]
    if len(breaches) > NAMED:
        places.append("…")
    return Finding(name, meaning, sum(count for _, count in breaches), ", ".join(places))


def _breaches(statement: TextClause, connection: Connection) -> Iterator[Breach]:
    """Run an invariant's statement, and return the pools that it finds."""
    for number, (brand_id, campaign_id, count) in enumerate(connection.execute(statement)):
        yield _name(connection, brand_id, campaign_id) if number < NAMED else "", count


def _name(connection: Connection, brand_id: int, campaign_id: int | None) -> str:
    """Return the name of a brand or a campaign, or the id if there is no name."""
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
    """Return a name with arbitrary characters on one line for a terminal."""
    return f"{kind} {key} without a row" if name is None else f"{kind} {name!r:.80}"
