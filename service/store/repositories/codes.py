"""Codes in a pool: adding them, and looking one up."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, column, select

from service.domain.errors import CodeNotFound, CodeSpaceExhausted
from service.domain.model import Code, Millis, State
from service.store.dialect import dialect_of
from service.store.tables import code
from service.usecases.keys import Pool
from service.usecases.ports import Mint

COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    column(name) for name in ("code", "state", "created_at", "reserved_at", "expires_at")
)
"""What `as_code` reads."""

MAX_ROUNDS = 100
"""How often collisions are made up for; by then the space of codes is as good as full."""

_ONE = select(*COLUMNS).where(
    code.c.brand_id == bindparam("brand_id"),
    code.c.campaign_id == bindparam("campaign_id"),
    code.c.code == bindparam("code"),
)


def add_codes(
    connection: Connection, pool: Pool, count: int, mint: Mint, now: Millis
) -> Sequence[str]:
    """Add exactly `count` new codes, making up for those that the brand already has.

    Raises:
        CodeSpaceExhausted: There are hardly any new codes to be had.
    """
    dialect = dialect_of(connection)
    added: list[str] = []
    for _ in range(MAX_ROUNDS):
        if len(added) == count:
            break
        added += dialect.insert_codes(connection, pool, mint(count - len(added)), now)
    else:
        raise CodeSpaceExhausted
    dialect.adjust_counts(connection, pool, {State.AVAILABLE: count}, now)
    return added


def find_code(connection: Connection, pool: Pool, text: str) -> Code:
    """Return one code.

    Raises:
        CodeNotFound: The campaign has no such code.
    """
    row = connection.execute(_ONE, {**pool._asdict(), "code": text}).one_or_none()
    if row is None:
        raise CodeNotFound
    return as_code(row)


def as_code(row: Sequence[Any]) -> Code:
    """Make a code of a row of `COLUMNS`."""
    text, state, created_at, reserved_at, expires_at = row
    return Code(text, State(state), created_at, reserved_at, expires_at)
