"""The limit of an engine: precomputed, sorted rows, loaded in one transaction."""

import json
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from os import urandom
from typing import Any

from service.domain.codes import mint_part
from service.domain.model import State
from service.settings import Settings
from service.store.database import Database
from service.store.dialect import dialect_of
from service.store.opening import open_database
from service.store.repositories.pools import make_pool
from service.usecases.keys import PoolKey
from service.usecases.ports.clock import system_clock

AT_ONCE = 20_000
"""Rows that are prepared before the measurement."""
_SENT_AT_ONCE = 2**16
_INTO = "INSERT INTO code (brand_id, campaign_id, code, state, created_at)"
_ROW = f"{_INTO} VALUES (?, ?, ?, 'available', ?)"
_ROWS = f"{_INTO} SELECT ?, ?, value, 'available', ? FROM json_each(?)"
_COPY = "COPY code (brand_id, campaign_id, code, state, created_at, probe) FROM STDIN"
_EXPORT = "SELECT code, state, created_at, reserved_at, expires_at FROM code"

Chunk = tuple[list[str], list[int]]
"""Codes, and probes, which PostgreSQL alone has."""


def raw_limits(url: str, count: int) -> dict[str, float]:
    """Return the seconds of each way to load `count` rows into a new brand."""
    database = open_database(Settings(database_url=url), threads=1)
    ways = _SQLITE if url.startswith("sqlite") else _POSTGRESQL
    try:
        return {name: _load(database, way, count) for name, way in ways.items()}
    finally:
        database.close()


def raw_export(url: str) -> float:
    """Return the seconds that reading every row takes."""
    database = open_database(Settings(database_url=url), threads=1)
    began = time.perf_counter()
    with database.snapshot() as connection:
        driver: Any = connection.connection.driver_connection
        if url.startswith("sqlite"):
            for _ in driver.execute(_EXPORT):
                pass
        else:
            with driver.cursor().copy(f"COPY ({_EXPORT}) TO STDOUT") as copy:
                for _ in copy:
                    pass
    seconds = time.perf_counter() - began
    database.close()
    return seconds


def _load(database: Database, way: Callable[..., float], count: int) -> float:
    now = system_clock()
    with database.transaction() as connection:
        pool = make_pool(connection, f"raw-{now}", "default", now)
    with database.transaction() as connection:
        seconds = way(connection.connection.driver_connection, pool, now, _chunks(count))
        dialect_of(connection).adjust_counts(connection, pool, {State.AVAILABLE: count}, now)
        began = time.perf_counter()
    return seconds + time.perf_counter() - began  # which is the commit


def _chunks(count: int) -> Iterator[Chunk]:
    for at in range(0, count, AT_ONCE):
        most = min(AT_ONCE, count - at)
        first, end = (-(2**31) + 2**32 * edge // count for edge in (at, at + most))
        drawn = array("Q", urandom(8 * most))
        yield sorted(mint_part(at, count, most)), sorted(first + x % (end - first) for x in drawn)


def _row_by_row(driver: Any, pool: PoolKey, now: int, chunks: Iterator[Chunk]) -> float:
    seconds = 0.0
    for codes, _ in chunks:
        rows = [(*pool, code, now) for code in codes]
        began = time.perf_counter()
        driver.executemany(_ROW, rows)
        seconds += time.perf_counter() - began
    return seconds


def _by_statement(driver: Any, pool: PoolKey, now: int, chunks: Iterator[Chunk]) -> float:
    seconds = 0.0
    for codes, _ in chunks:
        values = (*pool, now, json.dumps(codes))
        began = time.perf_counter()
        driver.execute(_ROWS, values)
        seconds += time.perf_counter() - began
    return seconds


def _by_copy(driver: Any, pool: PoolKey, now: int, chunks: Iterator[Chunk]) -> float:
    """Send rows from a file, so that the server works while the client reads the next."""
    driver.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    with tempfile.TemporaryFile("w+b") as file:
        for codes, probes in chunks:
            for code, probe in zip(codes, probes, strict=True):
                row = f"{pool.brand_id}\t{pool.campaign_id}\t{code}\tavailable\t{now}\t{probe}\n"
                file.write(row.encode())
        file.seek(0)
        began = time.perf_counter()
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            while some := file.read(_SENT_AT_ONCE):
                copy.write(some)
        return time.perf_counter() - began


_SQLITE = {"a row a statement": _row_by_row, "many rows a statement": _by_statement}
_POSTGRESQL = {"COPY": _by_copy}
