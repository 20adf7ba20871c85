"""Keyset pagination of listings: each page is one index range, however deep it is.

https://use-the-index-luke.com/no-offset
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, column, select, text

from service.domain.campaigns import Campaign
from service.domain.model import Brand, Code, Page, State
from service.store.dialect import dialect_of
from service.store.repositories.codes import COLUMNS, as_code
from service.store.tables import brand, campaign
from service.usecases.keys import PoolKey
from service.usecases.ports.store import UnknownPosition

Item = TypeVar("Item")


def brands(
    connection: Connection, among: Collection[str] | None, after: str | None, limit: int
) -> Page[Brand]:
    """List brands by name."""
    statement = select(brand.c.name, brand.c.created_at).order_by(brand.c.name)
    if among is not None:
        statement = statement.where(brand.c.name.in_(among))
    if after is not None:
        statement = statement.where(brand.c.name > after)
    return _page(connection, statement, limit, lambda row: Brand(*row))


def campaigns(
    connection: Connection, brand_name: str, brand_id: int, after: str | None, limit: int
) -> Page[Campaign]:
    """List a brand's campaigns by name."""
    statement = (
        select(campaign.c.name, campaign.c.created_at, campaign.c.archived)
        .where(campaign.c.brand_id == brand_id)
        .order_by(campaign.c.name)
    )
    if after is not None:
        statement = statement.where(campaign.c.name > after)
    return _page(connection, statement, limit, lambda row: Campaign(brand_name, *row))


def codes(
    connection: Connection, pool: PoolKey, state: State | None, after: str | None, limit: int
) -> Page[Code]:
    """List a campaign's codes, in the order of the engine.

    Raises:
        UnknownPosition: The code `after` does not exist, and the order depends on it.
    """
    dialect = dialect_of(connection)
    listed = dialect.codes_in(pool, state)
    if after is not None:
        rest = dialect.codes_after(connection, listed, pool, after)
        if rest is None:
            raise UnknownPosition
        listed = rest
    return _page(connection, listed, limit, as_code)


def select_codes(pool: PoolKey, state: State | None, source: str, order: str) -> Select[Any]:
    """Return a select of a campaign's codes in `state` (`None`: all) from a source."""
    statement = (
        select(*COLUMNS)
        .select_from(text(source))
        .where(column("brand_id") == pool.brand_id, column("campaign_id") == pool.campaign_id)
        .order_by(column(order))
    )
    if state is State.AVAILABLE:
        statement = statement.where(text("state = 'available'"))
    elif state is not None:
        statement = statement.where(column("state") == state, text("state <> 'available'"))
    return statement


def _page(
    connection: Connection,
    statement: Select[Any],
    limit: int,
    as_item: Callable[[Sequence[Any]], Item],
) -> Page[Item]:
    """Read a page, and one row more, which shows whether another page follows."""
    rows = connection.execute(statement.limit(limit + 1)).all()
    return Page([as_item(row) for row in rows[:limit]], more=len(rows) > limit)
