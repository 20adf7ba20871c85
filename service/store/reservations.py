"""Reservations: finding what a user holds, and claiming a free code for them."""

from sqlalchemy import ColumnElement, Connection, bindparam, literal_column, select, update

from service.domain.errors import NoCodesLeft
from service.domain.model import Millis, Reservation, State
from service.store.pools import WITH_CAMPAIGN, Pool, keys_of, move
from service.store.tables import brand, campaign, code

# A partial index serves a statement that spells its condition out, not one that binds it.
AVAILABLE: ColumnElement[str] = literal_column(f"'{State.AVAILABLE}'")
RESERVED: ColumnElement[str] = literal_column(f"'{State.RESERVED}'")

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

_free = code.alias("free")
_FIRST_FREE = (
    select(_free.c.code)
    .where(
        _free.c.brand_id == bindparam("pool_brand"),
        _free.c.campaign_id == bindparam("pool_campaign"),
        _free.c.state == AVAILABLE,
    )
    .order_by(_free.c.code)
    .limit(1)
    .scalar_subquery()
)
_CLAIM = (
    update(code)
    .where(
        code.c.brand_id == bindparam("pool_brand"),
        code.c.campaign_id == bindparam("pool_campaign"),
        code.c.code == _FIRST_FREE,
    )
    .values(state=RESERVED, user_id=bindparam("user"), reserved_at=bindparam("now"))
    .returning(code.c.code, code.c.expires_at)
)


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
    _, _, text, state, reserved_at, expires_at = row
    return pool, Reservation(text, State(state), reserved_at, expires_at)


def claim(connection: Connection, pool: Pool, user: str, now: Millis) -> Reservation:
    """Give the user, who must hold nothing, the pool's first free code.

    On SQLite the first free row stays as cheap to find as the pool drains: a claimed row
    leaves the partial index at once.

    Raises:
        NoCodesLeft: None is free.
    """
    row = connection.execute(
        _CLAIM,
        {
            "pool_brand": pool.brand_id,
            "pool_campaign": pool.campaign_id,
            "user": user,
            "now": now,
        },
    ).one_or_none()
    if row is None:
        raise NoCodesLeft
    move(connection, pool, 1, out_of=State.AVAILABLE, into=State.RESERVED)
    return Reservation(row.code, State.RESERVED, now, row.expires_at)
