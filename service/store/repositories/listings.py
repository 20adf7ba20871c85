"""Keyset pagination of listings: each page is one index range, however deep it is.

https://use-the-index-luke.com/no-offset
"""

from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, select

from service.domain.campaigns import Campaign
from service.domain.model import Brand, Code, Millis, Page, State
from service.store.dialect import dialect_of
from service.store.repositories.code_lists import as_code, code_list, merged
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
    connection: Connection,
    pool: PoolKey,
    state: State | None,
    after: str | None,
    limit: int,
    now: Millis,
) -> Page[Code]:
    """List a campaign's codes, in the order of the engine.

    Raises:
        UnknownPosition: The code `after` does not exist, and the order depends on it.
    """
    listed = code_list(connection, pool, state, now)
    selects = listed.select(connection)
    if after is not None:
        selects = _after(connection, pool, selects, after)
    ranges = [
        iter(connection.execute(each.limit(limit + 1), listed.values).all()) for each in selects
    ]
    rows = list(islice(merged(ranges), limit + 1))
    return Page([as_code(row) for row in rows[:limit]], more=len(rows) > limit)


def _after(
    connection: Connection, pool: PoolKey, selects: Sequence[Select[Any]], after: str
) -> list[Select[Any]]:
    """Restrict the selects of a list to the codes after one.

    Raises:
        UnknownPosition: It does not exist, and the order depends on it.
    """
    dialect = dialect_of(connection)
    rest = [dialect.codes_after(connection, each, pool, after) for each in selects]
    if None in rest:
        raise UnknownPosition
    return [each for each in rest if each is not None]


def _page(
    connection: Connection,
    statement: Select[Any],
    limit: int,
    as_item: Callable[[Sequence[Any]], Item],
) -> Page[Item]:
    """Read a page, and one row more, which shows whether another page follows."""
    rows = connection.execute(statement.limit(limit + 1)).all()
    return Page([as_item(row) for row in rows[:limit]], more=len(rows) > limit)
