"""Many codes at once, in their order, and nothing told but that they are there."""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection, text

from service.domain.codes import shuffled
from service.domain.errors import CodeSpaceExhausted
from service.domain.model import Millis, State
from service.store.repositories.codes import MAX_ROUNDS, insert_on_sqlite
from service.store.repositories.pools import Pool, move
from service.usecases.ports import Mint

_POSTGRESQL = text("""
    INSERT INTO code (brand_id, campaign_id, code, state, created_at, probe)
    SELECT :brand_id, :campaign_id, new.code, 'available', :now, new.probe
    FROM unnest(CAST(:codes AS TEXT[]), CAST(:probes AS INTEGER[])) AS new (code, probe)
    ON CONFLICT DO NOTHING
""")
_COPY = "COPY code (brand_id, campaign_id, code, state, created_at, probe) FROM STDIN"
_AT_ONCE = 1_000
"""Rows that are sent at once."""

_TILE_BITS = 10
_TILES = [int(f"{tile:0{_TILE_BITS}b}"[::-1], 2) for tile in range(1 << _TILE_BITS)]
"""Parts of the numbers that a probe can be, in an order that leaves no large gap for long."""


class Part(NamedTuple):
    """Codes from number `at` on, of `total` that are made in parts."""

    at: int
    total: int
    size: int


def load_codes(connection: Connection, pool: Pool, part: Part, mint: Mint, now: Millis) -> None:
    """Add exactly as many new codes as a part has, making up for those that the brand has already.

    Raises:
        CodeSpaceExhausted: There are hardly any new codes to be had.
    """
    left = part.size
    for _ in range(MAX_ROUNDS):
        if not left:
            break
        left -= insert_codes(connection, pool, part, mint(left), now)
    else:
        raise CodeSpaceExhausted
    move(connection, pool, part.size, now, into=State.AVAILABLE)


def probes(part: Part) -> list[int]:
    """Return numbers of 32 bits at which claims may begin.

    All parts together cover all numbers evenly. A part has but few places among them, so that an
    index has few pages to write for it; and the parts are far from each other, so that claims are
    spread before the last is there (van der Corput's sequence).
    """
    width = 2**32 >> _TILE_BITS
    places: list[int] = []
    while len(places) < part.size:
        tile, rest = divmod(part.at + len(places) << _TILE_BITS, part.total)
        rests = range(rest, part.total, 1 << _TILE_BITS)[: part.size - len(places)]
        begin = _TILES[tile] * width - 2**31
        places += [begin + rest * width // part.total for rest in rests]
    return places


def insert_codes(
    connection: Connection,
    pool: Pool,
    part: Part,
    codes: Sequence[str],
    now: Millis,
    *,
    shuffle: bool = False,
) -> int:
    """Add those codes that are new, and return how many that is.

    With `shuffle`, they are handed out in another order than they come in.
    """
    if connection.dialect.name == "sqlite":
        return insert_on_sqlite(connection, pool, shuffled(codes) if shuffle else codes, now)
    from psycopg.errors import UniqueViolation

    places = probes(part)[: len(codes)]
    if shuffle:  # and not the codes, of whose order locks are taken
        places = shuffled(places)
    try:
        with connection.begin_nested():
            _copy(connection, pool, codes, places, now)
    except UniqueViolation:  # hardly ever
        values = {**pool._asdict(), "now": now, "codes": list(codes), "probes": places}
        return connection.execute(_POSTGRESQL, values).rowcount
    return len(codes)


def _copy(
    connection: Connection, pool: Pool, codes: Sequence[str], places: Sequence[int], now: Millis
) -> None:
    """Add codes in the way that is fastest by far, and that takes all of them or none.

    Raises:
        UniqueViolation: The brand has one of them.
    """
    from service.store.postgresql.database import driver_of

    keys = f"{pool.brand_id}\t{pool.campaign_id}\t"
    rest = f"\tavailable\t{now}\t"
    rows = (f"{keys}{code}{rest}{probe}\n" for code, probe in zip(codes, places, strict=True))
    with driver_of(connection).cursor() as cursor, cursor.copy(_COPY) as copy:
        while some := "".join(islice(rows, _AT_ONCE)):  # the server stores them meanwhile
            copy.write(some)
