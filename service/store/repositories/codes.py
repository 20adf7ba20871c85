"""Codes of a pool: lookup of one code."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, column, select

from service.domain.errors import CodeNotFound
from service.domain.model import Code, State
from service.store.tables import code
from service.usecases.keys import PoolKey

COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    column(name) for name in ("code", "state", "created_at", "reserved_at", "expires_at")
)
"""What `as_code` reads."""

_ONE = select(*COLUMNS).where(
    code.c.brand_id == bindparam("brand_id"),
    code.c.campaign_id == bindparam("campaign_id"),
    code.c.code == bindparam("code"),
)


def find_code(connection: Connection, pool: PoolKey, text: str) -> Code:
    """Return one code.

    Raises:
        CodeNotFound: The campaign has no such code.
    """
    row = connection.execute(_ONE, {**pool._asdict(), "code": text}).one_or_none()
    if row is None:
        raise CodeNotFound
    return as_code(row)


def as_code(row: Sequence[Any]) -> Code:
    """Return the code of a row of `COLUMNS`."""
    text, state, created_at, reserved_at, expires_at = row
    return Code(text, State(state), created_at, reserved_at, expires_at)
