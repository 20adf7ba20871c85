"""Pools: from names to keys, the first codes of a brand, and the tally of states."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, cast, func, insert, select, text, update

from service.domain.errors import BrandNotFound, CampaignNotFound
from service.domain.model import Brand, Campaign, Counts, Millis, State
from service.domain.names import DEFAULT_CAMPAIGN
from service.store.tables import brand, campaign, tally


class Pool(NamedTuple):
    """The keys of a campaign: what every statement on its codes begins with."""

    brand_id: int
    campaign_id: int


# A brand beside its campaign, or beside nothing: tells which of the two is missing.
_FIND = (
    select(brand.c.id, campaign.c.id)
    .select_from(
        brand.outerjoin(
            campaign,
            (campaign.c.brand_id == brand.c.id) & (campaign.c.name == bindparam("campaign")),
        )
    )
    .where(brand.c.name == bindparam("brand"))
)
# A campaign's counts are the sum of its rows: on PostgreSQL it has many, see `move`.
_COUNTS = [cast(func.coalesce(func.sum(tally.c[state]), 0), BigInteger) for state in State]
_BRAND = (
    select(brand.c.created_at, *_COUNTS)
    .select_from(brand.outerjoin(tally, tally.c.brand_id == brand.c.id))
    .where(brand.c.name == bindparam("brand"))
    .group_by(brand.c.id)
)
_WITH_TALLY = campaign.outerjoin(
    tally, (tally.c.brand_id == campaign.c.brand_id) & (tally.c.campaign_id == campaign.c.id)
)
_CAMPAIGN = (
    select(campaign.c.created_at, *_COUNTS)
    .select_from(_WITH_TALLY)
    .where(campaign.c.brand_id == bindparam("brand_id"), campaign.c.id == bindparam("campaign_id"))
    .group_by(campaign.c.brand_id, campaign.c.id)
)
_ADD_BRAND = text("""
    INSERT INTO brand (name, created_at) VALUES (:name, :created_at) ON CONFLICT DO NOTHING
""")
_ADD_CAMPAIGN = text("""
    INSERT INTO campaign (brand_id, id, name, created_at)
    SELECT :brand_id, coalesce(max(id), 0) + 1, :name, :created_at
    FROM campaign WHERE brand_id = :brand_id
    ON CONFLICT DO NOTHING
""")


def keys_of(row: Sequence[Any] | None) -> Pool:
    """Read the keys at the head of a row: a brand's, and its campaign's or null.

    Raises:
        BrandNotFound, CampaignNotFound: The row says that there is none.
    """
    if row is None:
        raise BrandNotFound
    brand_id, campaign_id = row[0], row[1]
    if campaign_id is None:
        raise CampaignNotFound
    return Pool(brand_id, campaign_id)


def find_pool(connection: Connection, brand_name: str, campaign_name: str) -> Pool:
    """Return the keys of a campaign.

    Raises:
        BrandNotFound, CampaignNotFound: There is none of this name.
    """
    names = {"brand": brand_name, "campaign": campaign_name}
    return keys_of(connection.execute(_FIND, names).one_or_none())


def find_brand(connection: Connection, brand_name: str) -> int:
    """Return the key of a brand.

    Raises:
        BrandNotFound: There is none of this name.
    """
    key: int | None = connection.execute(
        select(brand.c.id).where(brand.c.name == brand_name)
    ).scalar_one_or_none()
    if key is None:
        raise BrandNotFound
    return key


def open_default_pool(connection: Connection, brand_name: str, now: Millis) -> Pool:
    """Return the keys of a brand's campaign `default`, making what is missing."""
    try:
        return find_pool(connection, brand_name, DEFAULT_CAMPAIGN)
    except (BrandNotFound, CampaignNotFound):
        connection.execute(_ADD_BRAND, {"name": brand_name, "created_at": now})
        brand_id = find_brand(connection, brand_name)
        connection.execute(
            _ADD_CAMPAIGN, {"brand_id": brand_id, "name": DEFAULT_CAMPAIGN, "created_at": now}
        )
        pool = find_pool(connection, brand_name, DEFAULT_CAMPAIGN)
        move(connection, pool, 0, now, into=State.AVAILABLE)  # which begins the tally
        return pool


def move(
    connection: Connection,
    pool: Pool,
    count: int,
    now: Millis,
    *,
    out_of: State | None = None,
    into: State,
) -> None:
    """Keep the tally when `count` codes of a pool change their state, or (no `out_of`) begin.

    On SQLite, with one writer at a time, a campaign has one row. On PostgreSQL every change is a
    row of its own, because writers that share a row wait for each other's commits.
    """
    changes: dict[str, int] = {into: count}
    if out_of is not None:
        changes[out_of] = -count
    if connection.dialect.name == "sqlite":
        own = (tally.c.brand_id == pool.brand_id) & (tally.c.campaign_id == pool.campaign_id)
        changed: dict[str, Any] = {
            state: tally.c[state] + change for state, change in changes.items()
        }
        changed["touched_at"] = now
        if connection.execute(update(tally).where(own).values(changed)).rowcount:
            return
    connection.execute(insert(tally), {**pool._asdict(), **changes, "touched_at": now})


def brand_with_counts(connection: Connection, brand_name: str) -> tuple[Brand, Counts]:
    """Return a brand and the sum of its campaigns' tallies.

    Raises:
        BrandNotFound: There is none of this name.
    """
    row = connection.execute(_BRAND, {"brand": brand_name}).one_or_none()
    if row is None:
        raise BrandNotFound
    return Brand(brand_name, row[0]), _counts(row)


def campaign_with_counts(
    connection: Connection, brand_name: str, campaign_name: str
) -> tuple[Campaign, Counts]:
    """Return a campaign and its tally.

    Raises:
        BrandNotFound, CampaignNotFound: There is none of this name.
    """
    pool = find_pool(connection, brand_name, campaign_name)
    row = connection.execute(_CAMPAIGN, pool._asdict()).one()
    return Campaign(brand_name, campaign_name, row[0]), _counts(row)


def _counts(row: Sequence[int]) -> Counts:
    return dict(zip(State, row[1:], strict=True))
