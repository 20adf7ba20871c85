"""Pools: keys of names, creation of campaigns, and tallies of states."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    case,
    cast,
    false,
    func,
    insert,
    select,
    text,
)

from service.domain.campaigns import Campaign, CampaignWithCounts
from service.domain.errors import BrandNotFound, CampaignNotFound
from service.domain.model import Brand, BrandWithCounts, Counts, Millis, State
from service.store.dialect import dialect_of
from service.store.repositories.campaign_rules import find_rules, format_of
from service.store.tables import brand, campaign, tally
from service.usecases.keys import PoolKey
from service.usecases.ports.transaction import PoolForCodes

TAKEN = " + ".join(state for state in State if state is not State.AVAILABLE)
"""The number of a campaign's codes that are not available any more, by its tally."""
ENDED = """EXISTS (
    SELECT 1 FROM campaign WHERE campaign.brand_id = tally.brand_id
    AND campaign.id = tally.campaign_id AND ends_at <= :now
)"""
"""Whether the campaign of a tally has ended: none of its codes is available."""

# A brand with its campaign, or with nulls: shows which of the two is missing.
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
_FOR_CODES = _FIND.add_columns(campaign.c.archived, campaign.c.code_format)
# A campaign's counts are the sum of its rows: on PostgreSQL it has many, see its dialect.
_COUNTS = [cast(func.coalesce(func.sum(tally.c[state]), 0), BigInteger) for state in State]
# After a campaign's end, none of its codes can be had or held, see `CampaignWithCounts.counts_at`.
_ENDED = func.coalesce(campaign.c.ends_at <= bindparam("now"), false())
_GONE = (State.AVAILABLE, State.RESERVED)
_NOW = {
    **{state: case((_ENDED, 0), else_=tally.c[state]) for state in _GONE},
    State.EXPIRED: tally.c[State.EXPIRED]
    + case((_ENDED, sum(tally.c[state] for state in _GONE)), else_=0),
}
_COUNTS_NOW = [
    cast(func.coalesce(func.sum(_NOW.get(state, tally.c[state])), 0), BigInteger) for state in State
]
_BRAND = (
    select(brand.c.created_at, *_COUNTS_NOW)
    .select_from(
        brand.outerjoin(tally, tally.c.brand_id == brand.c.id).outerjoin(
            campaign,
            (campaign.c.brand_id == tally.c.brand_id) & (campaign.c.id == tally.c.campaign_id),
        )
    )
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


def keys_of(row: Sequence[Any] | None) -> PoolKey:
    """Return the key in the first columns of a row: the brand's id, and the campaign's or null.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such brand or campaign.
    """
    if row is None:
        raise BrandNotFound
    brand_id, campaign_id = row[0], row[1]
    if campaign_id is None:
        raise CampaignNotFound
    return PoolKey(brand_id, campaign_id)


def find_pool(connection: Connection, brand_name: str, campaign_name: str) -> PoolKey:
    """Return the key of a campaign.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
    """
    names = {"brand": brand_name, "campaign": campaign_name}
    return keys_of(connection.execute(_FIND, names).one_or_none())


def find_brand(connection: Connection, brand_name: str) -> int:
    """Return the id of a brand.

    Raises:
        BrandNotFound: There is no such brand.
    """
    key: int | None = connection.execute(
        select(brand.c.id).where(brand.c.name == brand_name)
    ).scalar_one_or_none()
    if key is None:
        raise BrandNotFound
    return key


def make_pool(connection: Connection, brand_name: str, campaign_name: str, now: Millis) -> PoolKey:
    """Return the key of a campaign, which is created with its brand if needed."""
    try:
        return find_pool(connection, brand_name, campaign_name)
    except (BrandNotFound, CampaignNotFound):
        insert_pool(connection, brand_name, campaign_name, now)
        return find_pool(connection, brand_name, campaign_name)


def pool_for_codes(connection: Connection, brand_name: str, campaign_name: str) -> PoolForCodes:
    """Return what new codes of a campaign depend on.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
    """
    names = {"brand": brand_name, "campaign": campaign_name}
    row = connection.execute(_FOR_CODES, names).one_or_none()
    pool = keys_of(row)
    archived, form = row[2:] if row else (False, None)
    return PoolForCodes(pool, archived, format_of(form))


def count_codes(connection: Connection, pool: PoolKey) -> int:
    """Return the number of a campaign's codes."""
    return sum(connection.execute(_CAMPAIGN, pool._asdict()).one()[1:])


def insert_pool(
    connection: Connection, brand_name: str, campaign_name: str, now: Millis
) -> PoolKey | None:
    """Create a campaign, with its brand if needed; `None` if it exists."""
    with suppress(BrandNotFound, CampaignNotFound):
        find_pool(connection, brand_name, campaign_name)
        return None
    connection.execute(_ADD_BRAND, {"name": brand_name, "created_at": now})
    brand_id = find_brand(connection, brand_name)
    added = connection.execute(
        _ADD_CAMPAIGN, {"brand_id": brand_id, "name": campaign_name, "created_at": now}
    )
    if not added.rowcount:
        return None
    pool = find_pool(connection, brand_name, campaign_name)
    dialect_of(connection).adjust_counts(connection, pool, {State.AVAILABLE: 0}, now)
    return pool


def begin_tally(
    connection: Connection, pool: PoolKey, changes: Mapping[State, int], now: Millis
) -> None:
    """Insert a row into the tally of a campaign."""
    counts = {state.value: count for state, count in changes.items()}
    connection.execute(insert(tally), {**pool._asdict(), **counts, "touched_at": now})


def total(column: str, name: str) -> str:
    """Return the expression for the sum of a column, as a 64-bit integer."""
    return f"CAST(coalesce(sum({column}), 0) AS BIGINT) AS {name}"


def brand_with_counts(connection: Connection, brand_name: str, now: Millis) -> BrandWithCounts:
    """Return a brand and the sum of its campaigns' codes in each state.

    Raises:
        BrandNotFound: There is no such brand.
    """
    row = connection.execute(_BRAND, {"brand": brand_name, "now": now}).one_or_none()
    if row is None:
        raise BrandNotFound
    return BrandWithCounts(Brand(brand_name, row[0]), _counts(row))


def campaign_with_counts(
    connection: Connection, brand_name: str, campaign_name: str, *, lock: bool = False
) -> CampaignWithCounts:
    """Return a campaign, its rules and its tally; `lock` makes others that change rules wait.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
    """
    pool = find_pool(connection, brand_name, campaign_name)
    rules = find_rules(connection, pool, lock=lock)
    row = connection.execute(_CAMPAIGN, pool._asdict()).one()
    found = Campaign(brand_name, campaign_name, row[0], rules.archived)
    return CampaignWithCounts(found, rules, _counts(row))


def _counts(row: Sequence[int]) -> Counts:
    return dict(zip(State, row[1:], strict=True))
