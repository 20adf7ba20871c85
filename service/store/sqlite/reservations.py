"""Reservations on SQLite: a read finds a user's code; claims share transactions."""

from functools import cache
from sqlite3 import IntegrityError
from typing import Any

from sqlalchemy import Connection

from service.domain.erasure import Tombstones
from service.domain.errors import ServiceError, Unavailable
from service.domain.model import Millis, Reservation, ReservationResult
from service.store.repositories.code_states import EXPIRES_AT, LAPSED, STATE
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
from service.store.sqlite.connections import driver_of
from service.store.sqlite.database import SQLiteDatabase
from service.store.sqlite.lapses import lapse
from service.usecases.keys import PoolKey

MOST_LAPSES = 5
"""Most steps in which a claim takes a sweeper's work upon itself."""
Claimed = ReservationResult | ServiceError | None

_CAMPAIGN = "campaign WHERE campaign.brand_id = :brand_id AND campaign.id = :campaign_id"
_ANSWER = f"""
    RETURNING code, state, reserved_at, (
        SELECT CASE WHEN expires_at < ends_at THEN expires_at ELSE coalesce(ends_at, expires_at) END
        FROM {_CAMPAIGN}
    ), version
"""  # noqa: S608 - constants
_BY_RULES = f"""(expires_at, on_lapse) = (SELECT {OWN_END}, {ON_LAPSE} FROM {_CAMPAIGN})"""  # noqa: S608 - constants
# The index is named, because the planner would otherwise scan another one over all codes that
# are taken. A claimed row leaves the partial index at once, so its first row is as cheap to
# find in a drained pool as in a fresh one. Subqueries take a quarter of the time of UPDATE FROM.
_CLAIM = f"""
    UPDATE code SET state = 'reserved', user_id = :user, reserved_at = :now, {_BY_RULES},
        version = version + 1
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND rowid = (
        SELECT code.rowid FROM campaign, code INDEXED BY code_free
        WHERE campaign.brand_id = :brand_id AND campaign.id = :campaign_id AND ({CLOSED}) IS NULL
            AND code.brand_id = :brand_id AND code.campaign_id = :campaign_id
            AND code.state = 'available'
        ORDER BY code.rowid LIMIT 1
    )
"""  # noqa: S608 - constants
CLAIM = _CLAIM + _ANSWER
_HELD_BY_ABSENT = """EXISTS (
        SELECT 1 FROM code WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND {absent}
    )"""
_RENEW = f"""
    UPDATE code INDEXED BY code_by_user SET reserved_at = :now, {_BY_RULES},
        hold_reference = NULL, held_from = NULL, held_until = NULL, version = version + 1
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND user_id = :user AND {LAPSED}
    {_ANSWER}
"""  # noqa: S608 - constants
COUNT_CLAIM = """
    UPDATE tally SET available = available - 1, reserved = reserved + 1, touched_at = :now
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id
"""
_WHY = f"""
    SELECT code.code, {STATE}, code.reserved_at, {EXPIRES_AT}, code.version, {LAPSED},
        CASE WHEN {_HELD_BY_ABSENT} THEN '{ERASED}' ELSE {CLOSED} END
    FROM campaign LEFT JOIN code ON code.brand_id = campaign.brand_id
        AND code.campaign_id = campaign.id AND code.user_id = :user
    WHERE campaign.brand_id = :brand_id AND campaign.id = :campaign_id
"""  # noqa: S608 - constants


class SQLiteReservations:
    """Implements `store.repositories.reservations.Reservations`, which documents the methods."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    def find(self, brand: str, campaign: str, user: str, now: Millis) -> Reservation | None:
        """Return the user's reservation, if there is one."""
        return self._find(brand, campaign, user, now)[1]

    def reserve(
        self, brand: str, campaign: str, user: str, now: Millis, tombstones: Tombstones
    ) -> ReservationResult | None:
        """Return the user's reservation, made now if there is a free code."""
        pool, held = self._find(brand, campaign, user, now)
        if held:
            return ReservationResult(held, new=False)
        absent = tombstones(brand, user)
        claimed = self._database.write(
            lambda connection: claim(connection, pool, user, now, absent)
        )
        if isinstance(claimed, ServiceError):  # it harms no other claim of the transaction
            raise claimed
        return claimed

    def _find(
        self, brand: str, campaign: str, user: str, now: Millis
    ) -> tuple[PoolKey, Reservation | None]:
        """Return the key of a campaign and the user's reservation, in one statement."""
        values = {"brand": brand, "campaign": campaign, "user": user, "now": now}
        row = self._database.row(FIND_RESERVATION, values)
        pool = keys_of(row)
        return pool, as_reservation(row[2:]) if row else None


def claim(
    connection: Connection, pool: PoolKey, user: str, now: Millis, absent: tuple[str, ...] = ()
) -> Claimed:
    """Claim the pool's first free code for a user, or return why there is none.

    A user who has a code, by a concurrent claim or a lapsed one, is detected by the unique key.
    """
    execute = driver_of(connection).execute
    values = {**pool._asdict(), "user": user, "now": now, **absent_values(absent)}
    try:
        row = execute(_claim(len(absent)), values).fetchone()
    except IntegrityError:
        row = None
    if row is None:
        return _without_free_code(connection, pool, values, absent)
    execute(COUNT_CLAIM, values)
    return _new(row)


def _without_free_code(
    connection: Connection, pool: PoolKey, values: dict[str, Any], absent: tuple[str, ...]
) -> Claimed:
    """Return the code that a user has, or renew it, or claim one that has lapsed."""
    execute = driver_of(connection).execute
    *own, lapsed, why = execute(_why(len(absent)), values).fetchone()
    held = as_reservation(own)
    if held and not lapsed:
        return ReservationResult(held, new=False)
    if why is not None:
        return refusal(why)
    if lapsed:
        return _new(execute(_RENEW, values).fetchone())
    for _ in range(MOST_LAPSES):
        lapsed_now = lapse(connection, pool, values["now"])
        if lapsed_now.recycled:
            return claim(connection, pool, values["user"], values["now"], absent)
        if not lapsed_now.expired:
            return None
    return Unavailable()  # there may be some behind so many that no sweeper has taken


def _new(row: tuple[Any, ...]) -> ReservationResult | None:
    made = as_reservation(row)
    return ReservationResult(made, new=True) if made else None


@cache
def _claim(absent: int) -> str:
    """Return the statement of a claim while none of so many others holds a code."""
    if not absent:
        return CLAIM
    return f"{_CLAIM} AND NOT {_HELD_BY_ABSENT.format(absent=any_absent(absent))} {_ANSWER}"


@cache
def _why(absent: int) -> str:
    return _WHY.format(absent=any_absent(absent))
