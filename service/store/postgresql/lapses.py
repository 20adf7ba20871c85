"""Lapses on PostgreSQL: one statement, which skips what others are changing."""

from service.domain.model import Millis, State
from service.store.postgresql.database import PostgreSQLDatabase
from service.store.postgresql.statements import in_psycopg
from service.store.postgresql.tally import fold_now_and_then
from service.store.repositories.lapses import DUE, LAPSE, MOST, due_pools
from service.usecases.keys import PoolKey
from service.usecases.ports.lapses import DuePools, Lapsed

_LAPSE = in_psycopg(f"""
    WITH due AS MATERIALIZED (
        SELECT code FROM code WHERE {DUE}
        ORDER BY brand_id, campaign_id, expires_at LIMIT :most FOR UPDATE SKIP LOCKED
    ), lapsed AS (
        {LAPSE} WHERE brand_id = :brand_id AND campaign_id = :campaign_id
            AND code = ANY(ARRAY(SELECT code FROM due))
        RETURNING state
    ), sums AS (
        SELECT count(*) FILTER (WHERE state = '{State.AVAILABLE}') AS recycled,
            count(*) FILTER (WHERE state = '{State.EXPIRED}') AS expired
        FROM lapsed
    ), counted AS (
        INSERT INTO tally (brand_id, campaign_id, available, expired, reserved)
        SELECT :brand_id, :campaign_id, recycled, expired, -recycled - expired FROM sums
        WHERE recycled + expired > 0
    )
    SELECT recycled, expired FROM sums
""")  # noqa: S608 - constants


class PostgreSQLLapses:
    """Implements `usecases.ports.lapses.Lapses`, which documents the methods."""

    def __init__(self, database: PostgreSQLDatabase) -> None:
        self._database = database

    def due(self, after: PoolKey, now: Millis) -> DuePools:
        """Search some campaigns after one."""
        with self._database.read() as connection:
            return due_pools(connection, after, now)

    def lapse(self, pool: PoolKey, now: Millis, most: int) -> Lapsed:
        """Let codes of a campaign lapse."""
        return lapse(self._database, pool, now, most)


def lapse(
    database: PostgreSQLDatabase, pool: PoolKey, now: Millis, most: int | None = None
) -> Lapsed:
    """Let codes lapse whose reservations are over, those that ended first.

    Raises:
        Unavailable: The database cannot be written now.
    """
    row = database.one(_LAPSE, {**pool._asdict(), "now": now, "most": most or MOST}, any)
    lapsed = Lapsed(*row or ())
    if any(lapsed):
        fold_now_and_then(database, pool)
    return lapsed
