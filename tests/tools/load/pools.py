"""Pools of codes in every state, and the comparison of rows with answers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import psycopg
from sqlalchemy import text

from service.api.cursors import Cursors
from service.auth.keys.loading import cursor_key
from service.container.storage import Storage, build_storage
from service.domain.codes import mint_part
from service.domain.model import State
from service.settings import Settings
from service.store.dialect import dialect_of
from service.store.jobs.chunk import SQLChunkTransaction
from service.store.repositories.pools import find_pool, make_pool
from service.usecases.job_kinds import load_codes
from service.usecases.ports.chunk import Part
from service.usecases.ports.clock import system_clock
from tests.support.tokens import SECRET
from tests.tools.load.errors import BenchmarkError

CHUNK = 20_000
"""Codes in one transaction."""
DEFAULT = "default"
_OF_POOL = "brand_id = :brand_id AND campaign_id = :campaign_id"
_IN_ORDER = {"sqlite": "rowid", "postgresql": "code"}
"""The order in which an engine lists codes, and its index."""
_DRAIN = f"""
    UPDATE code SET state = 'reserved', user_id = 'drained' || code, reserved_at = created_at
    WHERE {_OF_POOL} AND {{0}} IN (
        SELECT {{0}} FROM code WHERE {_OF_POOL} AND state = 'available' ORDER BY {{0}} LIMIT :count)
"""
_HELD = text(f"""
    SELECT user_id, code FROM code
    WHERE {_OF_POOL} AND user_id IS NOT NULL AND user_id NOT LIKE 'drained%'
""")
_DRAINED = text(f"SELECT code FROM code WHERE {_OF_POOL} AND state = 'reserved' LIMIT :count")
_LATE = f"SELECT code FROM code WHERE {_OF_POOL} ORDER BY {{}} DESC LIMIT 1 OFFSET :rest"
_CODES = text(f"SELECT code FROM code WHERE {_OF_POOL}")


@contextmanager
def opened(url: str) -> Iterator[Storage]:
    """Open the service's own store on a database that has its tables."""
    storage = build_storage(Settings(database_url=url, jwt_secret=SECRET))
    try:
        yield storage
    finally:
        storage.store.close()


def fill(storage: Storage, brand: str, count: int, used: int = 0) -> None:
    """Make a brand with `count` codes, as a job does, of which `used` are held by somebody."""
    now = system_clock()
    for at in range(0, count, CHUNK):
        part = Part(at, count, min(CHUNK, count - at))
        with storage.database.transaction() as connection:
            pool = make_pool(connection, brand, "default", now)
            tx = SQLChunkTransaction(connection, now)
            load_codes(tx, pool, part, partial(mint_part, at, count))
    if used and storage.database.engine.name == "postgresql":
        with storage.database.transaction() as connection:
            connection.execute(text("ANALYZE code"))  # else draining takes minutes
    drain(storage, brand, used)


def drain(storage: Storage, brand: str, count: int) -> None:
    """Reserve `count` more codes."""
    statement = text(_DRAIN.format(_IN_ORDER[storage.database.engine.name]))
    for at in range(0, count, CHUNK):
        size = min(CHUNK, count - at)
        with storage.database.transaction() as connection:
            pool = find_pool(connection, brand, DEFAULT)
            connection.execute(statement, {**pool._asdict(), "count": size})
            now = system_clock()
            changes = {State.AVAILABLE: -size, State.RESERVED: size}
            dialect_of(connection).adjust_counts(connection, pool, changes, now)


def drained(url: str, brand: str, count: int) -> list[str]:
    """Return some of the codes that `drain` reserved."""
    with opened(url) as storage, storage.database.read() as connection:
        pool = find_pool(connection, brand, DEFAULT)
        rows = connection.execute(_DRAINED, {**pool._asdict(), "count": count})
        return [code for (code,) in rows]


def holder(code: str) -> str:
    """Return the user for whom `drain` reserved a code."""
    return f"drained{code}"


def late_code(storage: Storage, brand: str, rest: int) -> str:
    """Return the code after which `rest` codes are listed."""
    statement = text(_LATE.format(_IN_ORDER[storage.database.engine.name]))
    with storage.database.read() as connection:
        pool = find_pool(connection, brand, DEFAULT)
        values = {**pool._asdict(), "rest": rest}
        return str(connection.execute(statement, values).scalar_one())


def late_cursor(url: str, brand: str, rest: int) -> str:
    """Return the cursor of a local service after which `rest` codes are listed.

    Requesting every page before would take longer than all measurements.
    """
    with opened(url) as storage:
        code = late_code(storage, brand, rest)
    key = cursor_key(Settings(database_url=url, jwt_secret=SECRET))
    return Cursors(key).encode(f"codes/{brand}/{DEFAULT}/None", code)


def settle(url: str) -> None:
    """Vacuum and analyze in PostgreSQL, as its autovacuum would after so many changes."""
    if not url.startswith("sqlite"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")


def compare(storage: Storage, brand: str, answered: Mapping[str, str]) -> None:
    """Compare the rows of a brand with the answers to callers.

    Raises:
        BenchmarkError: They differ.
    """
    with storage.database.read() as connection:
        pool = find_pool(connection, brand, DEFAULT)
        rows = connection.execute(_HELD, pool._asdict()).all()
    held: dict[str, str] = dict(rows)
    if held != dict(answered) or len(set(held.values())) != len(held):
        raise BenchmarkError(
            f"{brand}: {len(answered)} users were told codes, {len(held)} rows say so, "
            f"{len(held.items() ^ answered.items())} differ"
        )


def compare_created(storage: Storage, brand: str, answered: set[str]) -> None:
    """Compare the codes of a brand with those of answered creates.

    Raises:
        BenchmarkError: They differ.
    """
    if not answered:  # it was not measured, and there is no such brand
        return
    with storage.database.read() as connection:
        pool = find_pool(connection, brand, DEFAULT)
        rows = connection.execute(_CODES, pool._asdict())
        if {row[0] for row in rows} != answered:
            raise BenchmarkError(f"{brand}: other codes are in the table than were answered")
