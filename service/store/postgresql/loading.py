"""Insertion of codes into PostgreSQL: few with a statement, many with COPY, with probes."""

import os
from array import array
from collections.abc import Sequence
from itertools import islice

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, text

from service.domain.codes import shuffled
from service.domain.model import Millis
from service.store.postgresql.driver import driver_of
from service.usecases.keys import PoolKey
from service.usecases.ports.chunk import Part

_INSERT = """
    INSERT INTO code (brand_id, campaign_id, code, state, created_at, probe)
    SELECT :brand_id, :campaign_id, new.code, 'available', :now, new.probe
    FROM unnest(CAST(:codes AS TEXT[]), CAST(:probes AS INTEGER[])) AS new (code, probe)
    ON CONFLICT DO NOTHING
"""
_INSERT_AND_COUNT = text(_INSERT)
_INSERT_AND_RETURN = text(f"{_INSERT} RETURNING code")
_COPY = "COPY code (brand_id, campaign_id, code, state, created_at, probe) FROM STDIN"
_AT_ONCE = 1_000
"""Rows in one batch."""

_TILE_BITS = 10
_TILES = [int(f"{tile:0{_TILE_BITS}b}"[::-1], 2) for tile in range(1 << _TILE_BITS)]
"""Ranges of probes, in an order that soon leaves no large gap."""


def insert_codes(
    connection: Connection, pool: PoolKey, codes: Sequence[str], now: Millis
) -> Sequence[str]:
    """Insert codes with random probes, and return those that the brand did not have.

    They are sorted, so that neighbours in the batch are neighbours in the index, and two callers
    with the same codes wait for each other in the same order.
    """
    ordered = sorted(codes)
    places = array("i", os.urandom(4 * len(ordered))).tolist()
    values = _values(pool, ordered, places, now)
    return connection.execute(_INSERT_AND_RETURN, values).scalars().all()


def load_codes(
    connection: Connection,
    pool: PoolKey,
    part: Part,
    codes: Sequence[str],
    now: Millis,
    *,
    shuffle: bool,
) -> int:
    """Insert many codes, and return how many the brand did not have."""
    places = probes(part)[: len(codes)]
    if shuffle:  # not the codes: their order is that of the locks
        places = shuffled(places)
    try:
        with connection.begin_nested():
            _copy(connection, pool, codes, places, now)
    except UniqueViolation:  # hardly ever
        values = _values(pool, list(codes), places, now)
        return connection.execute(_INSERT_AND_COUNT, values).rowcount
    return len(codes)


def probes(part: Part) -> list[int]:
    """Return 32-bit numbers at which claims may begin.

    All parts together cover the numbers evenly. Each part has only few places, so that an index has
    few pages to write for it; and the parts are far apart, so that claims are spread before the
    last part exists (van der Corput's sequence).
    """
    width = 2**32 >> _TILE_BITS
    places: list[int] = []
    while len(places) < part.size:
        tile, rest = divmod(part.at + len(places) << _TILE_BITS, part.total)
        rests = range(rest, part.total, 1 << _TILE_BITS)[: part.size - len(places)]
        begin = _TILES[tile] * width - 2**31
        places += [begin + rest * width // part.total for rest in rests]
    return places


def _values(
    pool: PoolKey, codes: Sequence[str], places: Sequence[int], now: Millis
) -> dict[str, object]:
    return {**pool._asdict(), "now": now, "codes": codes, "probes": places}


def _copy(
    connection: Connection, pool: PoolKey, codes: Sequence[str], places: Sequence[int], now: Millis
) -> None:
    """Add codes in the fastest way, all or none.

    Raises:
        UniqueViolation: The brand has one of the codes.
    """
    keys = f"{pool.brand_id}\t{pool.campaign_id}\t"
    rest = f"\tavailable\t{now}\t"
    rows = (f"{keys}{code}{rest}{probe}\n" for code, probe in zip(codes, places, strict=True))
    with driver_of(connection).cursor() as cursor, cursor.copy(_COPY) as copy:
        while some := "".join(islice(rows, _AT_ONCE)):  # the server stores the rows meanwhile
            copy.write(some)
