"""Lapses on SQLite: in the transaction of the writer."""

from collections import Counter

from sqlalchemy import Connection

from service.domain.model import Millis, State
from service.store.repositories.lapses import DUE, LAPSE, MOST, due_pools
from service.store.sqlite.connections import driver_of
from service.store.sqlite.database import SQLiteDatabase
from service.usecases.keys import PoolKey
from service.usecases.ports.lapses import DuePools, Lapsed

_LAPSE = f"""{LAPSE} WHERE rowid IN (
        SELECT rowid FROM code INDEXED BY code_due WHERE {DUE} ORDER BY expires_at LIMIT :most
    )
    RETURNING state
"""  # noqa: S608 - constants
_COUNT = """
    UPDATE tally SET available = available + :recycled, expired = expired + :expired,
        reserved = reserved - :recycled - :expired
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id
"""


class SQLiteLapses:
    """Implements `usecases.ports.lapses.Lapses`, which documents the methods."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    def due(self, after: PoolKey, now: Millis) -> DuePools:
        """Search some campaigns after one."""
        with self._database.read() as connection:
            return due_pools(connection, after, now)

    def lapse(self, pool: PoolKey, now: Millis, most: int) -> Lapsed:
        """Let codes of a campaign lapse."""
        return self._database.write(lambda connection: lapse(connection, pool, now, most))


def lapse(connection: Connection, pool: PoolKey, now: Millis, most: int | None = None) -> Lapsed:
    """Let codes lapse whose reservations are over, those that ended first."""
    execute = driver_of(connection).execute
    values = {**pool._asdict(), "now": now, "most": most or MOST}
    states = Counter(state for (state,) in execute(_LAPSE, values).fetchall())
    lapsed = Lapsed(states[State.AVAILABLE], states[State.EXPIRED])
    if any(lapsed):
        execute(_COUNT, {**values, **lapsed._asdict()})
    return lapsed
