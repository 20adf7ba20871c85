"""Reservations: finding what a user holds, and claiming a free code for them.

This is the hot path, so it speaks to the driver itself: SQLAlchemy's share of a statement
would be most of its cost.
"""

from sqlite3 import IntegrityError

from sqlalchemy import Connection

from service.domain.model import Millis, Reservation, State
from service.store.database import Database, driver_of
from service.store.pools import Pool, keys_of

# A brand beside its campaign beside the user's code: what is missing is null.
_HELD = """
    SELECT brand.id, campaign.id, code.code, code.state, code.reserved_at, code.expires_at
    FROM brand
    LEFT JOIN campaign ON campaign.brand_id = brand.id AND campaign.name = :campaign
    LEFT JOIN code ON code.brand_id = campaign.brand_id AND code.campaign_id = campaign.id
        AND code.user_id = :user
    WHERE brand.name = :brand
"""

# The index is named, because the planner, left alone, walks the primary key over all codes
# that are taken. A claimed row leaves the partial index at once, so its first row is as cheap
# to find in a drained pool as in a fresh one.
_CLAIM = """
    UPDATE code SET state = 'reserved', user_id = :user, reserved_at = :now
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND code = (
        SELECT code FROM code INDEXED BY code_free
        WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND state = 'available'
        ORDER BY code LIMIT 1
    )
    RETURNING code, expires_at
"""
_COUNT_CLAIM = """
    UPDATE tally SET available = available - 1, reserved = reserved + 1
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id
"""
_OF_USER = """
    SELECT code, state, reserved_at, expires_at FROM code
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND user_id = :user
"""


def find_held(
    database: Database, brand: str, campaign: str, user: str
) -> tuple[Pool, Reservation | None]:
    """Return the keys of a campaign and what the user holds of it, in one statement.

    Raises:
        BrandNotFound, CampaignNotFound: There is none of this name.
        Unavailable: The database cannot answer now.
    """
    row = database.row(_HELD, {"brand": brand, "campaign": campaign, "user": user})
    pool = keys_of(row)
    if row is None or row[2] is None:
        return pool, None
    _, _, found, state, reserved_at, expires_at = row
    return pool, Reservation(found, State(state), reserved_at, expires_at)


def claim(
    connection: Connection, pool: Pool, user: str, now: Millis
) -> tuple[Reservation | None, bool]:
    """Give the user the pool's first free code, if there is one, and say whether it is new.

    Whoever already holds a code, by a claim that came between, is found out by the unique key.
    """
    execute = driver_of(connection).execute
    values = {**pool._asdict(), "user": user, "now": now}
    try:
        row = execute(_CLAIM, values).fetchone()
    except IntegrityError:
        found, state, reserved_at, expires_at = execute(_OF_USER, values).fetchone()
        return Reservation(found, State(state), reserved_at, expires_at), False
    if row is None:
        return None, False
    execute(_COUNT_CLAIM, values)
    return Reservation(row[0], State.RESERVED, now, row[1]), True
