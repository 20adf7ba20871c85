"""Erasures that outlive a restore: tombstones are exported, and applied to a restored database.

A backup that is older than an erasure has the person's id again. Each id has the tombstones that
the erasure keys give it; where one of them is known from another database, the erasure is repeated.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from service.domain.erasure import MARK, NOT_LINKED, Tombstones, is_tombstone
from service.domain.model import Millis
from service.formats.erasures import Erasure
from service.store.maintenance.structure import Breach, Structure
from service.usecases.ports.transaction import Writes
from service.usecases.users import replace_users

_ERASED = f"user_id >= '{MARK}' AND user_id < '{chr(ord(MARK) + 1)}'"
_EXPORT = text(f"""
    SELECT brand.name, user_id, max(erased_at) FROM (
        SELECT brand_id, user_id, disabled_at AS erased_at FROM code WHERE {_ERASED}
        UNION ALL SELECT brand_id, user_id, NULL FROM redemption WHERE {_ERASED}
    ) AS erased JOIN brand ON brand.id = brand_id
    WHERE user_id NOT LIKE '{MARK}{NOT_LINKED}.%'
    GROUP BY brand.name, user_id ORDER BY brand.name, user_id
""")  # noqa: S608 - constants
_USERS = {
    "code": text("SELECT brand_id, user_id, reserved_at FROM code WHERE user_id IS NOT NULL"),
    "redemption": text(
        "SELECT brand_id, user_id, redeemed_at FROM redemption WHERE user_id IS NOT NULL"
    ),
}
_IN_PARTS = {"yield_per": 1000}
"""Reads so many rows of a table at once."""


class Person(NamedTuple):
    """A user who is stored, although an erasure is known."""

    brand_id: int
    brand: str
    user: str
    tombstone: str
    erased_at: Millis | None


def exported(connection: Connection) -> Iterator[Erasure]:
    """Yield the erasures of a database, without those who were forgotten."""
    for row in connection.execute(_EXPORT):
        yield Erasure(*row)


def not_erased(
    connection: Connection, tombstones: Tombstones, erasures: Iterable[Erasure]
) -> Iterator[Person]:
    """Yield who is stored although they were erased, once for each row that is older than that."""
    known = {(each.brand, each.tombstone): each.erased_at for each in erasures}
    brands = connection.execute(text("SELECT id, name FROM brand"))
    names: dict[int, str] = {row.id: row.name for row in brands}
    for statement in _USERS.values():
        for brand_id, user, at in connection.execute(statement, execution_options=_IN_PARTS):
            brand = names.get(brand_id, "")
            for tombstone in () if is_tombstone(user) else tombstones(brand, user):
                erased_at = known.get((brand, tombstone), 0)
                if erased_at is None or at is None or at <= erased_at:
                    yield Person(brand_id, brand, user, tombstone, erased_at)


def check_of(tombstones: Tombstones, erasures: Sequence[Erasure]) -> Structure:
    """Return the check of `discount verify` that these erasures are not missing."""

    def missing(connection: Connection) -> Iterator[Breach]:
        found = Counter(each.brand for each in set(not_erased(connection, tombstones, erasures)))
        yield from ((f"brand {brand!r:.80}", count) for brand, count in found.items())

    return Structure("erasures", "nobody is stored who was erased, by the given list", missing)


def apply(store: Writes, person: Person, now: Millis) -> None:
    """Erase a person again."""
    users = (person.user,)
    store.write(
        lambda tx: replace_users(
            tx, person.brand_id, users, person.tombstone, until=person.erased_at
        ),
        now,
    )
