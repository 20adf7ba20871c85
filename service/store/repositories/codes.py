"""Codes in a pool: adding them, and looking one up."""

import os
from array import array
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, bindparam, column, select, text

from service.domain.codes import shuffled
from service.domain.errors import CodeNotFound, CodeSpaceExhausted
from service.domain.model import Code, Millis, State
from service.store.repositories.pools import Pool, move
from service.store.tables import code
from service.usecases.ports import Mint

COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    column(name) for name in ("code", "state", "created_at", "reserved_at", "expires_at")
)
"""What `as_code` reads."""

MAX_ROUNDS = 100
"""How often collisions are made up for; by then the space of codes is as good as full."""

# One statement: to bind each row takes three times as long as to store it.
_ADD_ON_SQLITE = text("""
    INSERT INTO code (brand_id, campaign_id, code, state, created_at)
    SELECT :brand_id, :campaign_id, value, 'available', :now FROM json_each(:codes) WHERE TRUE
    ON CONFLICT DO NOTHING
""")
_LAST = text("""
    SELECT code FROM (SELECT rowid AS place, code FROM code ORDER BY rowid DESC LIMIT :count)
    ORDER BY place
""")
_ADD_ON_POSTGRESQL = text("""
    INSERT INTO code (brand_id, campaign_id, code, state, created_at, probe)
    SELECT :brand_id, :campaign_id, new.code, 'available', :now, new.probe
    FROM unnest(CAST(:codes AS TEXT[]), CAST(:probes AS INTEGER[])) AS new (code, probe)
    ON CONFLICT DO NOTHING RETURNING code
""")
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
    added: list[str] = []
    for _ in range(MAX_ROUNDS):
        if len(added) == count:
            break
        added += insert_codes(connection, pool, mint(count - len(added)), now)
    else:
        raise CodeSpaceExhausted
    move(connection, pool, count, now, into=State.AVAILABLE)
    return added


def insert_codes(
    connection: Connection, pool: Pool, texts: Sequence[str], now: Millis
) -> Sequence[str]:
    """Insert codes in one statement, and return those that the brand did not have.

    On SQLite they are handed out as they are inserted, so they are shuffled: else whoever knows
    two codes would know that those handed out between lie between. PostgreSQL claims go by a
    random `probe`, in no order of the codes; these are sorted, so that neighbours in the batch are
    neighbours in the index, and two who insert the same codes wait for each other in the same
    order.
    """
    if connection.dialect.name == "sqlite":
        mixed = shuffled(texts)
        added = insert_on_sqlite(connection, pool, mixed, now)
        if added == len(mixed):
            return mixed
        return connection.execute(_LAST, {"count": added}).scalars().all()  # nobody else writes
    ordered = sorted(texts)
    probes = array("i", os.urandom(4 * len(ordered))).tolist()
    values = {**pool._asdict(), "now": now, "codes": ordered, "probes": probes}
    return connection.execute(_ADD_ON_POSTGRESQL, values).scalars().all()


def insert_on_sqlite(connection: Connection, pool: Pool, codes: Sequence[str], now: Millis) -> int:
    """Insert codes, and return how many of them the brand did not have: the table's last rows."""
    values = {**pool._asdict(), "now": now, "codes": orjson.dumps(codes).decode()}
    return connection.execute(_ADD_ON_SQLITE, values).rowcount


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
