"""Many codes at once: one statement a chunk, and nothing told but that they are there."""

import os
from array import array
from collections.abc import Sequence

from sqlalchemy import Connection, text

from service.domain.model import Millis, State
from service.store.codes import MAX_ROUNDS
from service.store.pools import Pool, move
from service.store.sqlite.database import driver_of
from service.usecases.ports import Mint

_SQLITE = """
    INSERT INTO code (brand_id, campaign_id, code, state, created_at)
    VALUES (?, ?, ?, 'available', ?) ON CONFLICT DO NOTHING
"""
_POSTGRESQL = text("""
    INSERT INTO code (brand_id, campaign_id, code, state, created_at, probe)
    SELECT :brand_id, :campaign_id, new.code, 'available', :now, new.probe
    FROM unnest(CAST(:codes AS TEXT[]), CAST(:probes AS INTEGER[])) AS new (code, probe)
    ON CONFLICT DO NOTHING
""")


def load_codes(connection: Connection, pool: Pool, count: int, mint: Mint, now: Millis) -> None:
    """Add exactly `count` new codes, making up for those that the brand already has.

    Raises:
        RuntimeError: There are hardly any new codes to be had.
    """
    left = count
    for _ in range(MAX_ROUNDS):
        if not left:
            break
        left -= _insert(connection, pool, mint(left), now)
    else:
        raise RuntimeError("Nearly every code of this form is taken.")
    move(connection, pool, count, into=State.AVAILABLE)


def _insert(connection: Connection, pool: Pool, texts: Sequence[str], now: Millis) -> int:
    """Add those codes that are new, and return how many that is."""
    if connection.dialect.name == "sqlite":
        rows = ((*pool, code, now) for code in texts)
        return driver_of(connection).executemany(_SQLITE, rows).rowcount
    probes = sorted(array("i", os.urandom(4 * len(texts))))
    values = {**pool._asdict(), "codes": list(texts), "probes": probes, "now": now}
    return connection.execute(_POSTGRESQL, values).rowcount
