"""Listings, a page at a time, by keyset: each page is one index range, however deep it is.

https://use-the-index-luke.com/no-offset
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, column, select, text

from service.domain.errors import InputError, InvalidRequest
from service.domain.model import Brand, Campaign, Code, Page, State
from service.store.repositories.codes import COLUMNS, as_code
from service.store.repositories.pools import Pool
from service.store.tables import brand, campaign

Item = TypeVar("Item")

# The index is named, and its condition spelt out, because SQLite's planner, left alone, walks
# another one over all the codes that are in another state.
_SQLITE_INDEXES = {None: "code_of_campaign", State.AVAILABLE: "code_free"}
_PLACE = text("SELECT rowid FROM code WHERE brand_id = :brand_id AND code = :code")


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
        select(campaign.c.name, campaign.c.created_at)
        .where(campaign.c.brand_id == brand_id)
        .order_by(campaign.c.name)
    )
    if after is not None:
        statement = statement.where(campaign.c.name > after)
    return _page(connection, statement, limit, lambda row: Campaign(brand_name, *row))


def codes(
    connection: Connection, pool: Pool, state: State | None, after: str | None, limit: int
) -> Page[Code]:
    """List a campaign's codes, in the order of `codes_in`.

    Raises:
        InvalidRequest: There is no code `after`, and it would say where the page begins.
    """
    statement = codes_in(connection, pool, state)
    if after is not None and _on_sqlite(connection):
        statement = statement.where(column("rowid") > _place_of(connection, pool, after))
    elif after is not None:
        statement = statement.where(column("code") > after)
    return _page(connection, statement, limit, as_code)


def _place_of(connection: Connection, pool: Pool, code: str) -> int:
    """Return where a code lies, which a backup may have been restored without.

    Raises:
        InvalidRequest: It is not there.
    """
    values = {"brand_id": pool.brand_id, "code": code}
    place: int | None = connection.execute(_PLACE, values).scalar()
    if place is None:
        raise InvalidRequest([InputError("/cursor", "What it names is not there any more.")])
    return place


def codes_in(connection: Connection, pool: Pool, state: State | None) -> Select[Any]:
    """Select a campaign's codes, those in `state` (`None`: all), as the engine has them in order.

    That is, on SQLite, the order in which they were made; on PostgreSQL that of the codes.
    """
    source, order = "code", "code"
    if _on_sqlite(connection):
        index = _SQLITE_INDEXES.get(state, "code_taken")
        source, order = f"code INDEXED BY {index}", "rowid"
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


def _on_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _page(
    connection: Connection,
    statement: Select[Any],
    limit: int,
    as_item: Callable[[Sequence[Any]], Item],
) -> Page[Item]:
    """Read one row more than asked, which tells whether another page follows."""
    rows = connection.execute(statement.limit(limit + 1)).all()
    return Page([as_item(row) for row in rows[:limit]], more=len(rows) > limit)
