"""Reservations on SQLite: a read finds a user's code; claims share transactions."""

from sqlite3 import IntegrityError

from sqlalchemy import Connection

from service.domain.model import Millis, Reservation, ReservationResult, State
from service.store.repositories.pools import keys_of
from service.store.repositories.reservations import FIND_RESERVATION, as_reservation
from service.store.sqlite.connections import driver_of
from service.store.sqlite.database import SQLiteDatabase
from service.usecases.keys import PoolKey

# The index is named, because the planner would otherwise scan another one over all codes that
# are taken. A claimed row leaves the partial index at once, so its first row is as cheap to
# find in a drained pool as in a fresh one.
CLAIM = """
    UPDATE code SET state = 'reserved', user_id = :user, reserved_at = :now
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND rowid = (
        SELECT rowid FROM code INDEXED BY code_free
        WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND state = 'available'
        ORDER BY rowid LIMIT 1
    )
    RETURNING code, expires_at
"""
COUNT_CLAIM = """
    UPDATE tally SET available = available - 1, reserved = reserved + 1, touched_at = :now
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id
"""
_OF_USER = """
    SELECT code, state, reserved_at, expires_at FROM code
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND user_id = :user
"""


class SQLiteReservations:
    """Implements `store.repositories.reservations.Reservations`, which documents the methods."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    def find(self, brand: str, campaign: str, user: str) -> Reservation | None:
        """Return the user's reservation, if there is one."""
        return self._find(brand, campaign, user)[1]

    def reserve(
        self, brand: str, campaign: str, user: str, now: Millis
    ) -> ReservationResult | None:
        """Return the user's reservation, made now if there is a free code."""
        pool, held = self._find(brand, campaign, user)
        if held:
            return ReservationResult(held, new=False)
        return self._database.write(lambda connection: claim(connection, pool, user, now))

    def _find(self, brand: str, campaign: str, user: str) -> tuple[PoolKey, Reservation | None]:
        """Return the key of a campaign and the user's reservation, in one statement."""
        values = {"brand": brand, "campaign": campaign, "user": user}
        row = self._database.row(FIND_RESERVATION, values)
        pool = keys_of(row)
        return pool, as_reservation(row[2:]) if row else None


def claim(
    connection: Connection, pool: PoolKey, user: str, now: Millis
) -> ReservationResult | None:
    """Claim the pool's first free code for a user, if there is one.

    A user who got a code by a concurrent claim is detected by the unique key.
    """
    execute = driver_of(connection).execute
    values = {**pool._asdict(), "user": user, "now": now}
    try:
        row = execute(CLAIM, values).fetchone()
    except IntegrityError:
        held = as_reservation(execute(_OF_USER, values).fetchone())
        return ReservationResult(held, new=False) if held else None
    if row is None:
        return None
    execute(COUNT_CLAIM, values)
    return ReservationResult(Reservation(row[0], State.RESERVED, now, row[1]), new=True)
