"""Reservations: finding what a user holds, and claiming a free code for them."""

from sqlalchemy import Connection, bindparam, select, text

from service.domain.errors import NoCodesLeft
from service.domain.model import Millis, Reservation, State
from service.store.pools import WITH_CAMPAIGN, Pool, keys_of, move
from service.store.tables import brand, campaign, code

_HELD = (
    select(
        brand.c.id,
        campaign.c.id,
        code.c.code,
        code.c.state,
        code.c.reserved_at,
        code.c.expires_at,
    )
    .select_from(
        WITH_CAMPAIGN.outerjoin(
            code,
            (code.c.brand_id == campaign.c.brand_id)
            & (code.c.campaign_id == campaign.c.id)
            & (code.c.user_id == bindparam("user")),
        )
    )
    .where(brand.c.name == bindparam("brand"))
)

# The index is named, because the planner, left alone, walks the primary key over all codes
# that are taken. A claimed row leaves the partial index at once, so its first row is as cheap
# to find in a drained pool as in a fresh one.
_CLAIM = text("""
    UPDATE code SET state = 'reserved', user_id = :user, reserved_at = :now
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND code = (
        SELECT code FROM code INDEXED BY code_free
        WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND state = 'available'
        ORDER BY code LIMIT 1
    )
    RETURNING code, expires_at
""")


def find_held(
    connection: Connection, brand_name: str, campaign_name: str, user: str
) -> tuple[Pool, Reservation | None]:
    """Return the keys of a campaign and what the user holds of it, in one statement.

    Raises:
        BrandNotFound, CampaignNotFound: There is none of this name.
    """
    row = connection.execute(
        _HELD, {"brand": brand_name, "campaign": campaign_name, "user": user}
    ).one_or_none()
    pool = keys_of(row)
    if row is None or row[2] is None:
        return pool, None
    _, _, found, state, reserved_at, expires_at = row
    return pool, Reservation(found, State(state), reserved_at, expires_at)


def claim(connection: Connection, pool: Pool, user: str, now: Millis) -> Reservation:
    """Give the user, who must hold nothing, the pool's first free code.

    Raises:
        NoCodesLeft: None is free.
    """
    values = {**pool._asdict(), "user": user, "now": now}
    row = connection.execute(_CLAIM, values).one_or_none()
    if row is None:
        raise NoCodesLeft
    move(connection, pool, 1, out_of=State.AVAILABLE, into=State.RESERVED)
    return Reservation(row.code, State.RESERVED, now, row.expires_at)
