"""Reservations on PostgreSQL: one statement in one round trip finds or claims a code."""

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from psycopg.errors import UniqueViolation

from service.domain.errors import Unavailable
from service.domain.model import Millis, Reservation, ReservationResult
from service.store.postgresql.database import PostgreSQLDatabase
from service.store.postgresql.dialect import RESERVE_BEGINS
from service.store.postgresql.statements import in_psycopg
from service.store.postgresql.tally import fold_now_and_then
from service.store.repositories.pools import keys_of
from service.store.repositories.reservations import FIND_RESERVATION, as_reservation
from service.usecases.keys import PoolKey

MOVE_EVERY = 8192
"""One call in so many begins at a random place."""
MOST_PLACES = 4096
"""Most pools whose place a process remembers."""
CONFIRM_TIMEOUT_S = 2.0
"""How long to wait for the outcome of others' claims on the last codes."""
_PAUSE_S = 0.01


# A claim begins at a point of the pool's free codes, see `Places`, and goes round where there is
# none after it. If all claims began with the first, they would wait for each other, and scan the
# dead index entries of earlier ones. The point is no part of the code, because codes may share a
# prefix. A user who holds a code claims none: the outer condition is evaluated first.
_IN_POOL = """
    brand_id = (SELECT brand_id FROM pool) AND campaign_id = (SELECT campaign_id FROM pool)
"""
_FREE = f"""
    SELECT code FROM code
    WHERE {_IN_POOL} AND state = 'available' AND probe {{side}} :probe
    ORDER BY brand_id, campaign_id, probe LIMIT 1 FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - constants
RESERVE = in_psycopg(f"""{RESERVE_BEGINS}
        SELECT brand.id AS brand_id, campaign.id AS campaign_id FROM brand
        LEFT JOIN campaign ON campaign.brand_id = brand.id AND campaign.name = :campaign
        WHERE brand.name = :brand
    ), held AS MATERIALIZED (
        SELECT code, state, reserved_at, expires_at FROM code
        WHERE {_IN_POOL} AND user_id = :user
    ), claimed AS (
        UPDATE code SET state = 'reserved', user_id = :user, reserved_at = :now
        WHERE NOT EXISTS (SELECT FROM held) AND {_IN_POOL}
            AND code = coalesce(({_FREE.format(side=">=")}), ({_FREE.format(side="<")}))
        RETURNING code, state, reserved_at, expires_at, probe
    ), counted AS (
        INSERT INTO tally (brand_id, campaign_id, available, reserved, touched_at)
        SELECT brand_id, campaign_id, -1, 1, :now FROM pool, claimed
    ), answer AS (
        SELECT *, NULL AS probe FROM held UNION ALL SELECT * FROM claimed
    )
    SELECT brand_id, campaign_id, code, state, reserved_at, expires_at, probe
    FROM pool LEFT JOIN answer ON TRUE
""")  # noqa: S608 - constants
"""Finds or claims a code; returns keys, the code, its state, and a new one's probe."""
_FIND = in_psycopg(FIND_RESERVATION)
_ANY_LEFT = in_psycopg("""
    SELECT 1 FROM code
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND state = 'available' LIMIT 1
""")


class ClaimPlaces:
    """Places of the next claims in pools: after a claim of this process's last batch.

    Neighbours by probe are neighbours on disk if they were loaded together, so claims go
    through a large pool page by page, and each page is read and logged whole (after a checkpoint,
    see `full_page_writes`) for many claims instead of one. Where processes meet, they skip what
    the others have locked; now and then each jumps elsewhere. This memory is not essential:
    a process without it begins anywhere.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], int] = {}

    def next(self, brand: str, campaign: str) -> int:
        """Return the probe at which to begin."""
        if random.randrange(MOVE_EVERY) == 0:  # noqa: S311 - no secret
            self._last.pop((brand, campaign), None)
        return self._last.get((brand, campaign), random.getrandbits(32) - 2**31)

    def claimed(self, brand: str, campaign: str, probe: int) -> None:
        """Record the probe of a claimed code."""
        if len(self._last) >= MOST_PLACES and (brand, campaign) not in self._last:
            self._last.clear()
        self._last[brand, campaign] = probe


def _is_new(row: Sequence[Any]) -> bool:
    return row[-1] is not None


class PostgreSQLReservations:
    """Implements `store.repositories.reservations.Reservations`, which documents the methods."""

    def __init__(self, database: PostgreSQLDatabase) -> None:
        self._database = database
        self._places = ClaimPlaces()

    def find(self, brand: str, campaign: str, user: str) -> Reservation | None:
        """Return the user's reservation, if there is one."""
        row = self._database.one(_FIND, {"brand": brand, "campaign": campaign, "user": user})
        keys_of(row)
        return as_reservation(row[2:]) if row else None

    def reserve(
        self, brand: str, campaign: str, user: str, now: Millis
    ) -> ReservationResult | None:
        """Return the user's reservation, made now if there is a free code."""
        values = {"brand": brand, "campaign": campaign, "user": user, "now": now}
        deadline = time.monotonic() + CONFIRM_TIMEOUT_S
        while time.monotonic() < deadline:
            begin = self._places.next(brand, campaign)
            # If a concurrent call of the same user was first, the next attempt finds its code.
            with suppress(UniqueViolation):
                row = self._database.one(RESERVE, {**values, "probe": begin}, _is_new)
                pool = keys_of(row)
                reservation, place = (as_reservation(row[2:6]), row[6]) if row else (None, None)
                if place is not None:
                    self._places.claimed(brand, campaign, place)
                    fold_now_and_then(self._database, pool)
                if reservation:
                    return ReservationResult(reservation, new=place is not None)
                if not self._any_left(pool):
                    return None
                self._database.signals.new().wait(random.uniform(0, _PAUSE_S))  # noqa: S311
        raise Unavailable

    def _any_left(self, pool: PoolKey) -> bool:
        """Return whether a code is available, perhaps with an uncommitted claim."""
        return self._database.one(_ANY_LEFT, pool._asdict()) is not None
