"""Codes in a pool: adding them, and looking one up."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, column, select
from sqlalchemy.dialects.sqlite import insert

from service.domain.errors import CodeNotFound
from service.domain.model import Code, Millis, State
from service.store.pools import Pool, move
from service.store.tables import code
from service.usecases.ports import Mint

COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    column(name) for name in ("code", "state", "created_at", "reserved_at", "expires_at")
)
"""What `as_code` reads."""

MAX_ROUNDS = 100
"""How often collisions are made up for; by then the space of codes is as good as full."""

_ADD = insert(code).on_conflict_do_nothing().returning(code.c.code)
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
        RuntimeError: There are hardly any new codes to be had.
    """
    added: list[str] = []
    for _ in range(MAX_ROUNDS):
        if len(added) == count:
            break
        rows = [
            {**pool._asdict(), "code": text, "state": State.AVAILABLE, "created_at": now}
            for text in mint(count - len(added))
        ]
        added += connection.execute(_ADD, rows).scalars()
    else:
        raise RuntimeError("Nearly every code of this form is taken.")
    move(connection, pool, count, into=State.AVAILABLE)
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
