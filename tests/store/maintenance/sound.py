"""A sound database for tests of `discount verify`, how it is damaged by hand, and the command."""

import re
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from click.testing import CliRunner

from service.cli import main
from service.settings import Settings
from service.store.opening import open_database, reservations_in
from service.store.repositories.store import SQLStore
from tests.support.creating import add_codes
from tests.support.installation import database_of
from tests.support.postgresql import fresh_database

SECOND_CAMPAIGN = """
    INSERT INTO campaign (brand_id, id, name, created_at) VALUES (1, 2, 'summer', 1);
    INSERT INTO tally (brand_id, campaign_id) VALUES (1, 2);
"""
ONE_ROW = """
    CREATE TABLE added_up AS SELECT brand_id, campaign_id, sum(available) AS available,
        sum(reserved) AS reserved FROM tally GROUP BY brand_id, campaign_id;
    DELETE FROM tally;
    INSERT INTO tally (brand_id, campaign_id, available, reserved) SELECT * FROM added_up;
    DROP TABLE added_up;
"""
"""One row of the tally, so that damage is the same on both engines."""
FIRST_CODES = """
    UPDATE code SET state = 'available', user_id = NULL, reserved_at = NULL;
    UPDATE code SET state = 'reserved', user_id = 'secret-user-1', reserved_at = created_at
    WHERE code IN ('SECRET-b1-0', 'SECRET-b2-0');
    UPDATE code SET state = 'reserved', user_id = 'secret-user-2', reserved_at = created_at
    WHERE code IN ('SECRET-b1-1', 'SECRET-b2-1');
"""
"""Codes that are reserved in a known order: PostgreSQL would choose any."""
CHECK_RULES = """
    SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype = 'c' AND conrelid <> 0
"""


@contextmanager
def sound_database(engine: str, folder: Path) -> Iterator[str]:
    """Make a sound database: three campaigns of two brands, codes free and reserved."""
    now = time.time_ns() // 1_000_000
    with database_of(engine, folder) as url:
        with opened_store(url) as store:
            for brand in ("b1", "b2"):
                codes = [f"SECRET-{brand}-{number}" for number in range(4)]
                add_codes(store, brand, "default", 4, partial(_all, codes), now)
                for number in (1, 2):
                    store.reserve(brand, "default", f"secret-user-{number}", now)
        damage(url, SECOND_CAMPAIGN + ONE_ROW + FIRST_CODES)
        yield url


@contextmanager
def opened_store(url: str) -> Iterator[SQLStore]:
    """Open a store on a database, without an application."""
    database = open_database(Settings(database_url=url, threads=4))
    with closing(database):
        yield SQLStore(database, reservations_in(database))


@contextmanager
def copied(url: str, folder: Path) -> Iterator[str]:
    """Copy a database that nobody uses; the copy of an SQLite file is in `folder`."""
    if url.startswith("postgresql"):
        with fresh_database(urlsplit(url).path.removeprefix("/")) as copy:
            yield copy
    else:
        yield f"sqlite:///{shutil.copyfile(_file(url), folder / 'discount.db')}"


def damage(url: str, sql: str) -> None:
    """Run a statement that neither the service nor the constraints would allow."""
    if url.startswith("postgresql"):
        with psycopg.connect(url, autocommit=True) as connection:
            damage_postgresql(connection, sql)
        return
    with closing(sqlite3.connect(_file(url))) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.executescript(sql)


def damage_postgresql(connection: psycopg.Connection, sql: str) -> None:
    """Drop the check constraints meanwhile; violated ones return without validation."""
    connection.execute("SET session_replication_role = replica")  # no references
    checks = [
        (f"ALTER TABLE {table}", name, rule)
        for table, name, rule in connection.execute(CHECK_RULES).fetchall()
        if re.search(rf"\b{table}\b", sql)
    ]
    for table, name, _ in checks:
        connection.execute(f"{table} DROP CONSTRAINT {name}")
    connection.execute(sql)
    for table, name, rule in checks:
        back = f"{table} ADD CONSTRAINT {name} {rule}"
        try:
            with connection.transaction():
                connection.execute(back)
        except psycopg.errors.CheckViolation:
            connection.execute(f"{back} NOT VALID")


def run(url: str) -> tuple[int, dict[str, int], str]:
    """Run the command; return its exit status, the counts by check, and its error output."""
    done = CliRunner().invoke(main, ["verify"], env={"DISCOUNT_DATABASE_URL": url})
    assert "secret" not in done.output.lower()
    counts = {line.split()[1]: int(line.split()[0]) for line in done.stdout.splitlines()}
    return done.exit_code, counts, done.stderr


def _all(codes: Sequence[str], _count: int) -> Sequence[str]:
    return codes


def _file(url: str) -> str:
    return url.removeprefix("sqlite:///")
