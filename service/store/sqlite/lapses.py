"""Lapses on SQLite: in the transaction of the writer."""

from collections import Counter

from sqlalchemy import Connection

from service.domain.model import Millis, State
from service.store.repositories.lapses import DUE, LAPSE, MOST, Lapsed
from service.store.sqlite.connections import driver_of
from service.usecases.keys import PoolKey

_LAPSE = f"""{LAPSE} AND rowid IN (
        SELECT rowid FROM code INDEXED BY code_due WHERE {DUE} ORDER BY expires_at LIMIT :most
    )
    RETURNING state
"""  # noqa: S608 - constants
_COUNT = """
    UPDATE tally SET available = available + :recycled, expired = expired + :expired,
        reserved = reserved - :recycled - :expired
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id
"""


def lapse(connection: Connection, pool: PoolKey, now: Millis, most: int = MOST) -> Lapsed:
    """Let codes lapse whose reservations are over, those that ended first."""
    execute = driver_of(connection).execute
    values = {**pool._asdict(), "now": now, "most": most}
    states = Counter(state for (state,) in execute(_LAPSE, values).fetchall())
    lapsed = Lapsed(states[State.AVAILABLE], states[State.EXPIRED])
    if any(lapsed):
        execute(_COUNT, {**values, **lapsed._asdict()})
    return lapsed
