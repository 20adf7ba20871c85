"""Checking every promise of the service in a live database, without touching it.

What is checked stands in two tables: `structure.py` for the tables as such, `invariants.py` for
what is in them. Each check runs, whatever the others found.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import SQLAlchemyError

from service.store.invariants import INVARIANTS
from service.store.sqlite.snapshot import snapshot
from service.store.structure import STRUCTURE, Breach
from service.store.tables import brand, campaign

NAMED = 5
"""How many places a finding names; the rest is counted."""

_LEGAL = "(typeof({0}) = 'text' AND is_{1}(CAST({0} AS BLOB)))"
_SQLITE = {
    "legal_name": _LEGAL.format("name", "name"),
    "legal_code": _LEGAL.format("code", "code"),
    "legal_user": _LEGAL.format("user_id", "user"),
}
"""What the invariants leave to the engine: the domain's rules, as `snapshot.py` lends them."""


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

    Raises:
        MaintenanceError: There is no such database, or it cannot be read.
    """
    with snapshot(url) as connection:
        for name, meaning, find in STRUCTURE:
            yield _finding(name, meaning, find(connection))
        for name, meaning, sql in INVARIANTS:
            yield _finding(name, meaning, _breaches(connection, sql))


def _finding(name: str, meaning: str, found: Iterable[Breach]) -> Finding:
    """Count breaches and name the first; a check that fails has found something, too."""
    breaches: list[Breach] = []
    try:
        breaches.extend(found)
    except SQLAlchemyError as error:
        breaches.append((f"cannot be checked: {getattr(error, 'orig', error)}", 1))
    places = [f"{place} ({count})" for place, count in breaches[:NAMED]]
    if len(breaches) > NAMED:
        places.append("…")
    return Finding(name, meaning, sum(count for _, count in breaches), ", ".join(places))


def _breaches(connection: Connection, sql: str) -> Iterator[Breach]:
    """Run an invariant's statement, and name the pools that it finds."""
    rows = connection.execute(text(sql.format_map(_SQLITE)))
    for number, (brand_id, campaign_id, count) in enumerate(rows):
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
