"""Copies in tests: the command, and the rows and keys of a database."""

import sqlite3
from contextlib import closing

import psycopg
from click.testing import CliRunner
from sqlalchemy import select

from service.cli import main
from service.store.engines import engine_of
from service.store.maintenance.checksums import shared_columns
from service.store.tables import metadata
from tests.support.tokens import bearer

BRANDS = ("brand1", "caf\u00e9", "cafe\u0301", "a\\b", "\U0001f642 \u05d0\u200d", "%20")

USERS = ("user1", "\u00e9", "e\u0301", "\\N", "\\.", "a\u00a0b", "\U0010ffff" * 128)


class Answers:
    """The answers to callers, by request."""

    def __init__(self, app):
        self.client = app.test_client()

    def create(self, brand, key=None):
        body = {"brand": brand, "number_to_create": 10}
        headers = bearer() | ({"Idempotency-Key": key} if key else {})
        answer = self.client.post("/v1/discount/create", json=body, headers=headers)
        assert 200 == answer.status_code
        return answer.json, "Idempotent-Replayed" in answer.headers

    def fetch(self, brand, user):
        path = f"/v1/discount/fetch/{brand}/{user}".replace("%", "%25")
        answer = self.client.get(path, headers=bearer())
        assert 200 == answer.status_code
        return answer.json["discount_code"]


def key_for(brand):
    return f"key-{BRANDS.index(brand)}"


def by_hand(url, sql):
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.executescript(sql)


def run(source, target, *options):
    """Run the command; return its exit status and what it says."""
    done = CliRunner().invoke(main, ["db", "copy", source, target, *options])
    return done.exit_code, done.output


def rows_of(url):
    """Read every row of every table, in columns that both engines have."""
    with engine_of(url).inspection().snapshot(url) as connection:
        return {
            table.name: {tuple(row) for row in connection.execute(select(*shared_columns(table)))}
            for table in metadata.sorted_tables
        }


def keys_of(url):
    """Return every index and constraint as the server shows them, and whether they are enforced."""
    with psycopg.connect(url) as connection:
        return connection.execute("""
            SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION ALL
            SELECT indrelid::regclass::text, indexrelid::regclass::text,
                pg_get_indexdef(indexrelid), indisvalid
            FROM pg_index WHERE indrelid IN (
                SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
            ) ORDER BY 1, 2, 3
        """).fetchall()


def is_untouched(url):
    """Return whether a database is empty."""
    with psycopg.connect(url) as connection:
        query = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        return connection.execute(query).fetchone() == (0,)
