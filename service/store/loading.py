"""Many codes at once, in their order, and nothing told but that they are there."""

import json
import os
from array import array
from collections.abc import Sequence

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, text

from service.domain.model import Millis, State
from service.store.codes import MAX_ROUNDS
from service.store.pools import Pool, move
from service.store.postgresql.database import driver_of
from service.usecases.ports import Mint

# One statement a chunk: to bind each row takes three times as long as to store it.
_SQLITE = text("""
    INSERT INTO code (brand_id, campaign_id, code, state, created_at)
    SELECT :brand_id, :campaign_id, value, 'available', :now FROM json_each(:codes) WHERE TRUE
    ON CONFLICT DO NOTHING
""")
_POSTGRESQL = text("""
    INSERT INTO code (brand_id, campaign_id, code, state, created_at, probe)
    SELECT :brand_id, :campaign_id, new.code, 'available', :now, new.probe
    FROM unnest(CAST(:codes AS TEXT[]), CAST(:probes AS INTEGER[])) AS new (code, probe)
    ON CONFLICT DO NOTHING
""")
_COPY = "COPY code (brand_id, campaign_id, code, state, created_at, probe) FROM STDIN"


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


def _insert(connection: Connection, pool: Pool, codes: Sequence[str], now: Millis) -> int:
    """Add those codes that are new, and return how many that is."""
    values = {**pool._asdict(), "now": now}
    if connection.dialect.name == "sqlite":
        return connection.execute(_SQLITE, {**values, "codes": json.dumps(codes)}).rowcount
    probes = sorted(array("i", os.urandom(4 * len(codes))))
    try:
        with connection.begin_nested():
            _copy(connection, pool, codes, probes, now)
    except UniqueViolation:  # hardly ever
        values |= {"codes": list(codes), "probes": probes}
        return connection.execute(_POSTGRESQL, values).rowcount
    return len(codes)


def _copy(
    connection: Connection, pool: Pool, codes: Sequence[str], probes: Sequence[int], now: Millis
) -> None:
    """Add codes in the way that is fastest by far, and that takes all of them or none.

    Raises:
        UniqueViolation: The brand has one of them.
    """
    keys = f"{pool.brand_id}\t{pool.campaign_id}\t"
    rest = f"\tavailable\t{now}\t"
    rows = [f"{keys}{code}{rest}{probe}\n" for code, probe in zip(codes, probes, strict=True)]
    with driver_of(connection).cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write("".join(rows))
