"""Reservations on PostgreSQL: one statement in one round trip finds or claims a code."""

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from psycopg.errors import UniqueViolation

from service.domain.erasure import Tombstones
from service.domain.errors import Unavailable
from service.domain.model import Millis, Reservation, ReservationResult
from service.store.postgresql.database import PostgreSQLDatabase
from service.store.postgresql.dialect import RESERVE_BEGINS
from service.store.postgresql.lapses import lapse
from service.store.postgresql.statements import in_psycopg
from service.store.postgresql.tally import fold_now_and_then
from service.store.repositories.code_states import EXPIRES_AT, LAPSED, STATE
from service.store.repositories.lapses import DUE
from service.store.repositories.pools import keys_of
from service.store.repositories.reservations import (
    CLOSED,
    ERASED,
    FIND_RESERVATION,
    ON_LAPSE,
    OWN_END,
    absent_values,
    any_absent,
    as_reservation,
    refusal,
)
from service.usecases.keys import PoolKey

MOVE_EVERY = 8192
"""One call in so many begins at a random place."""
MOST_PLACES = 4096
"""Most pools whose place a process remembers."""
CONFIRM_TIMEOUT_S = 2.0
"""How long to wait for the outcome of others' claims on the last codes."""
_PAUSE_S = 0.01
_LAPSED = "lapsed"
"""Why a user whose own reservation has lapsed claims no other code."""

_POOL = f"""
    brand_id, campaign.id AS campaign_id, campaign.ends_at, {OWN_END} AS own_end,
    {ON_LAPSE} AS on_lapse, {CLOSED} AS closed
"""
_IN_POOL = """
    code.brand_id = (SELECT brand_id FROM pool)
    AND code.campaign_id = (SELECT campaign_id FROM pool)
"""
# A claim begins at a point of the pool's free codes, see `Places`, and goes round where there is
# none after it. If all claims began with the first, they would wait for each other, and scan the
# dead index entries of earlier ones. The point is no part of the code, because codes may share a
# prefix. A user who holds a code claims none: the outer conditions are evaluated first.
_FREE = f"""
    SELECT code FROM code
    WHERE {_IN_POOL} AND state = 'available' AND probe {{side}} :probe
    ORDER BY brand_id, campaign_id, probe LIMIT 1 FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - constants
_BY_RULES = """
    reserved_at = :now, expires_at = (SELECT own_end FROM pool),
    on_lapse = (SELECT on_lapse FROM pool), version = version + 1
"""
_ANSWER = """
    code, state, reserved_at, least(expires_at, (SELECT ends_at FROM pool)) AS expires_at, version
"""
_RESERVE = f"""{RESERVE_BEGINS}
        SELECT brand.id AS {_POOL} FROM brand
        LEFT JOIN campaign ON campaign.brand_id = brand.id AND campaign.name = :campaign
        WHERE brand.name = :brand
    ), held AS MATERIALIZED (
        SELECT code, {STATE} AS state, reserved_at, {EXPIRES_AT} AS expires_at, version,
            {LAPSED} AS lapsed
        FROM code CROSS JOIN pool AS campaign WHERE {_IN_POOL} AND user_id = :user
    ), erased AS (
        SELECT FROM code WHERE {_IN_POOL} AND {{absent}}
    ), claimed AS (
        UPDATE code SET state = 'reserved', user_id = :user, {_BY_RULES}
        WHERE NOT EXISTS (SELECT FROM held) AND (SELECT closed FROM pool) IS NULL
            AND NOT EXISTS (SELECT FROM erased) AND {_IN_POOL}
            AND code = coalesce(({_FREE.format(side=">=")}), ({_FREE.format(side="<")}))
        RETURNING {_ANSWER}, probe
    ), counted AS (
        INSERT INTO tally (brand_id, campaign_id, available, reserved, touched_at)
        SELECT brand_id, campaign_id, -1, 1, :now FROM pool, claimed
    ), answer AS (
        SELECT code, state, reserved_at, expires_at, version, NULL AS probe
        FROM held WHERE lapsed IS NOT TRUE
        UNION ALL SELECT * FROM claimed
    )
    SELECT brand_id, campaign_id, code, state, reserved_at, expires_at, version, CASE
            WHEN code IS NOT NULL THEN NULL
            WHEN EXISTS (SELECT FROM erased) THEN '{ERASED}'
            WHEN closed IS NOT NULL THEN closed
            WHEN EXISTS (SELECT FROM held) THEN '{_LAPSED}' END,
        probe
    FROM pool LEFT JOIN answer ON TRUE
"""  # noqa: S608 - constants
RESERVE = in_psycopg(_RESERVE.format(absent=any_absent(0)))
"""Finds or claims a code; returns keys, the code, why there is none, and a new one's probe."""
_RENEW = in_psycopg(f"""
    WITH pool AS MATERIALIZED (
        SELECT {_POOL} FROM campaign WHERE brand_id = :brand_id AND id = :campaign_id
    )
    UPDATE code SET {_BY_RULES}, hold_reference = NULL, held_from = NULL, held_until = NULL
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND user_id = :user AND {LAPSED}
        AND (SELECT closed FROM pool) IS NULL
    RETURNING {_ANSWER}
""")  # noqa: S608 - constants
"""Renews a user's own lapsed reservation, if nobody else was first."""
_FIND = in_psycopg(FIND_RESERVATION)
_LEFT = in_psycopg(f"""
    SELECT EXISTS (
        SELECT FROM code
        WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND state = 'available'
    ), EXISTS (SELECT FROM code WHERE {DUE})
""")  # noqa: S608 - constants
"""Whether codes are available, perhaps with uncommitted claims, and whether codes have lapsed."""


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

    def find(self, brand: str, campaign: str, user: str, now: Millis) -> Reservation | None:
        """Return the user's reservation, if there is one."""
        values = {"brand": brand, "campaign": campaign, "user": user, "now": now}
        row = self._database.one(_FIND, values)
        keys_of(row)
        return as_reservation(row[2:]) if row else None

    def reserve(
        self, brand: str, campaign: str, user: str, now: Millis, tombstones: Tombstones
    ) -> ReservationResult | None:
        """Return the user's reservation, made now if there is a free code."""
        absent = tombstones(brand, user)
        values = {"brand": brand, "campaign": campaign, "user": user, "now": now}
        values |= absent_values(absent)
        deadline = time.monotonic() + CONFIRM_TIMEOUT_S
        while time.monotonic() < deadline:
            # If a concurrent call of the same user was first, the next attempt finds its code.
            with suppress(UniqueViolation):
                pool, found, why = self._attempt(_reserve(len(absent)), values)
                if found:
                    return found
                if why == _LAPSED:
                    if renewed := self._renew(pool, user, now):
                        return ReservationResult(renewed, new=True)
                elif why is not None:
                    raise refusal(why)
                elif not self._may_be_left(pool, now):
                    return None
        raise Unavailable

    def _attempt(
        self, statement: str, values: dict[str, Any]
    ) -> tuple[PoolKey, ReservationResult | None, str | None]:
        """Find or claim a code; return the campaign's key, the code, and why there is none."""
        brand, campaign = values["brand"], values["campaign"]
        begin = self._places.next(brand, campaign)
        row = self._database.one(statement, {**values, "probe": begin}, _is_new)
        pool = keys_of(row)
        *columns, why, place = row[2:] if row else (None,) * 7
        if place is not None:
            self._places.claimed(brand, campaign, place)
            fold_now_and_then(self._database, pool)
        held = as_reservation(columns)
        return pool, ReservationResult(held, new=place is not None) if held else None, why

    def _renew(self, pool: PoolKey, user: str, now: Millis) -> Reservation | None:
        """Renew a user's lapsed reservation, unless something else happened to it meanwhile."""
        values = {**pool._asdict(), "user": user, "now": now}
        row = self._database.one(_RENEW, values, lambda _row: True)
        return as_reservation(row) if row else None

    def _may_be_left(self, pool: PoolKey, now: Millis) -> bool:
        """Return whether another attempt may find a code: one that has lapsed, or is not claimed.

        Under SKIP LOCKED an attempt overlooks codes with an uncommitted claim.
        """
        row = self._database.one(_LEFT, {**pool._asdict(), "now": now})
        available, due = map(bool, row or (False, False))
        lapsed = due and any(lapse(self._database, pool, now))
        if (available or due) and not lapsed:
            self._database.signals.new().wait(random.uniform(0, _PAUSE_S))  # noqa: S311
        return available or due


@cache
def _reserve(absent: int) -> str:
    """Return the statement of a reservation while none of so many others holds a code."""
    return in_psycopg(_RESERVE.format(absent=any_absent(absent))) if absent else RESERVE
