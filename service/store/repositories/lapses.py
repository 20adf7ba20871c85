"""Lapses: reservations that have ended by themselves, for claims and for the sweeper.

A lapse is one conditional change of rows whose end is past and that no checkout holds, so whoever
comes second finds nothing to do.
"""

from sqlalchemy import Connection, text

from service.domain.campaigns import OnLapse
from service.domain.model import Millis, State
from service.store.dialect import dialect_of
from service.usecases.keys import PoolKey
from service.usecases.ports.lapses import DuePool, DuePools

WITH_END = f"state = '{State.RESERVED}' AND expires_at IS NOT NULL"
_OVER = "expires_at <= :now AND coalesce(held_until, 0) <= :now"
DUE = f"brand_id = :brand_id AND campaign_id = :campaign_id AND {WITH_END} AND {_OVER}"
"""The codes of a campaign whose reservations are over: a range of the index `code_due`."""
_FORGOTTEN = (
    "user_id",
    "reserved_at",
    "expires_at",
    "on_lapse",
    "hold_reference",
    "held_from",
    "held_until",
)
_RECYCLED = f"CASE WHEN on_lapse = '{OnLapse.RECYCLE}' THEN"
LAPSE = f"""
    UPDATE code SET
        state = {_RECYCLED} '{State.AVAILABLE}' ELSE '{State.EXPIRED}' END,
        {", ".join(f"{name} = {_RECYCLED} NULL ELSE {name} END" for name in _FORGOTTEN)},
        version = version + 1
"""  # noqa: S608 - constants
"""Lets codes be nobody's, see `StoredCode.nobodys`, or be expired, as was said to their users."""
MOST = 100
"""Most codes of one step of a claim."""
POOLS_AT_ONCE = 500
"""Campaigns in which one step searches."""

# A walk over the campaigns in an index, each step of which is one look, however many codes there
# are: to the next campaign of the brand, or to before the first one of the next brand. No other
# index has the order.
_NEXT = f"""
    SELECT {{column}} FROM {{{{code}}}} WHERE {WITH_END} AND {{beyond}}
    ORDER BY code.brand_id, code.campaign_id, code.expires_at LIMIT 1
"""  # noqa: S608 - constants
_NEXT_CAMPAIGN = _NEXT.format(
    column="campaign_id", beyond="brand_id = walk.brand_id AND campaign_id > walk.campaign_id"
)
_NEXT_BRAND = _NEXT.format(column="brand_id", beyond="brand_id > walk.brand_id")
_SINCE = _NEXT.format(
    column="CASE WHEN held_until > expires_at THEN held_until ELSE expires_at END",
    beyond=f"brand_id = walk.brand_id AND campaign_id = walk.campaign_id AND {_OVER}",
)
_WALK = f"""
    WITH RECURSIVE walk (brand_id, campaign_id, number) AS (
        SELECT CAST(:brand_id AS INTEGER), CAST(:campaign_id AS INTEGER), 1
        UNION ALL
        SELECT CASE WHEN ({_NEXT_CAMPAIGN}) IS NULL THEN ({_NEXT_BRAND}) ELSE brand_id END,
            coalesce(({_NEXT_CAMPAIGN}), 0), number + 1
        FROM walk WHERE brand_id IS NOT NULL AND number <= :most
    )
    SELECT brand_id, campaign_id, ({_SINCE}) FROM walk WHERE brand_id IS NOT NULL ORDER BY number
"""  # noqa: S608 - constants


def due_pools(
    connection: Connection, after: PoolKey, now: Millis, most: int = POOLS_AT_ONCE
) -> DuePools:
    """Return the due campaigns among the next `most`."""
    statement = text(_WALK.format(code=dialect_of(connection).due_codes))
    rows = connection.execute(statement, {**after._asdict(), "now": now, "most": most}).all()
    pools = [DuePool(PoolKey(*row[:2]), row[2]) for row in rows[1:] if row[2] is not None]
    last = PoolKey(*rows[-1][:2]) if len(rows) > most else None
    return DuePools(pools, last)
