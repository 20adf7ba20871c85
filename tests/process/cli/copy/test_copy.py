"""`discount db copy` copies an SQLite file into PostgreSQL completely, or not at all."""

import os
import pty
import re
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

import psycopg
import requests
from click.testing import CliRunner
from sqlalchemy import create_engine

from service.app import create_app, services_of
from service.cli import main
from service.container.services import build
from service.store.engines import engine_of
from service.store.maintenance.checksums import shared_columns
from service.store.maintenance.structure import missing_keys
from service.store.maintenance.verify import verify
from service.store.sqlite.checksums import checksum
from service.store.tables import metadata
from tests.process.cli.copy.copies import BRANDS, Answers, key_for, keys_of, rows_of, run
from tests.process.cli.runbooks import blocks_of, follow
from tests.support.forked import Forked
from tests.support.postgresql import fresh_database, migrated, url_of
from tests.support.running import running
from tests.support.tokens import bearer


class TestTheCopy:
    def test_it_has_every_row_of_every_table(self, source, target):
        url, *_ = source
        before = rows_of(url)
        rows = sum(map(len, before.values()))
        output = f"{rows} rows were copied, and both databases have the same.\n"
        assert (0, output) == run(url, target)
        assert before == rows_of(target)
        assert before == rows_of(url)
        assert not [name for name, rows in before.items() if not rows], "each table is tried"

    def test_its_tables_are_those_that_migrations_make(self, source, target):
        assert 0 == run(source[0], target)[0]
        assert keys_of(url_of(migrated())) == keys_of(target)
        with engine_of(target).inspection().snapshot(target) as connection:
            assert [] == list(missing_keys(connection.dialect.name, connection))

    def test_it_keeps_every_promise(self, source, target):
        assert 0 == run(source[0], target)[0]
        assert [] == [found for found in verify(target) if found.breaches]

    def test_the_service_goes_on_where_it_was(self, source, settings, template):
        """Every user keeps the code, a repeated request its answer, and new users get new codes."""
        url, created, held = source
        with fresh_database(template) as target:
            assert 0 == run(url, target)[0]
            app = create_app(build(replace(settings, database_url=target)))
            answers = Answers(app)
            assert held == {asked: answers.fetch(*asked) for asked in held}
            assert created == {brand: answers.create(brand, key_for(brand))[0] for brand in BRANDS}
            assert not answers.create("a new brand")[1]
            taken = set(held.values())
            new = {answers.fetch(brand, "user-2") for brand in BRANDS if brand != BRANDS[2]}
            assert not taken & new
            services_of(app).storage.store.close()
            assert [] == [found for found in verify(target) if found.breaches]

    def test_its_planner_has_statistics(self, source, target):
        assert 0 == run(source[0], target)[0]
        with psycopg.connect(target) as connection:
            query = "SELECT reltuples FROM pg_class WHERE relname = 'code'"
            assert (float(10 * len(BRANDS)),) == connection.execute(query).fetchone()

    def test_a_checksum_notices_any_change_of_any_column(self, source):
        """A copy that differs anywhere fails."""
        url, *_ = source
        with create_engine(url).connect() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
            for table in metadata.sorted_tables:
                before = checksum(connection, table)
                for column in shared_columns(table):
                    change = f"""
                        UPDATE {table.name} SET {column.name} = CASE typeof({column.name})
                            WHEN 'integer' THEN {column.name} + 1000
                            WHEN 'blob' THEN CAST({column.name} || 'x' AS BLOB)
                            ELSE coalesce({column.name}, '') || 'x' END
                        WHERE ({", ".join(table.primary_key.columns.keys())}) IN (
                            SELECT {", ".join(table.primary_key.columns.keys())}
                            FROM {table.name} LIMIT 1)
                    """
                    connection.exec_driver_sql(change)
                    assert before != checksum(connection, table), column
                    connection.rollback()
                assert before == checksum(connection, table)

    def test_without_a_terminal_it_shows_no_progress(self, source, target):
        done = CliRunner().invoke(main, ["db", "copy", source[0], target])
        assert (0, "", 1) == (done.exit_code, done.stdout, done.stderr.count("\n"))

    def test_on_a_terminal_it_shows_what_it_does(self, source, target):
        ours, theirs = pty.openpty()
        with open(theirs, "wb", buffering=0) as terminal:  # noqa: PTH123 - it has no path
            env = {**os.environ, "TERM": "xterm"}
            process = Forked(["db", "copy", source[0], target], env, terminal, terminal)
        shown = b""
        with suppress(OSError):  # Linux's error when nobody writes any more
            while block := os.read(ours, 65536):
                shown += block
        os.close(ours)
        assert 0 == process.wait()
        assert b"copy code" in shown
        assert b"compare code" in shown


def test_the_runbook_moves_a_service(tmp_path):
    """The documented commands, on real services: each user gets the same answer as before."""
    users = ["user1", "user2"]
    with running(tmp_path) as service:
        post(service, "/v1/discount/create", {"brand": "b1", "number_to_create": 10})
        held = {user: get(service, f"/v1/discount/fetch/b1/{user}") for user in users}
        assert 0 == service.stop()
    name = f"discount_{uuid4().hex}"
    with psycopg.connect(url_of("postgres"), autocommit=True) as server:
        for statement in blocks_of("move-to-postgresql.md", "sql").split(";")[:-1]:
            server.execute(re.sub(r"\bdiscount\b", name, statement))
    moved = url_of(name).replace("://postgres", f"://{name}")
    try:
        follow(
            "move-to-postgresql.md",
            service.environment,
            DATABASE=tmp_path / "discount.db",
            TO=moved,
        )
        assert not (tmp_path / "discount.db").exists()
        with running(tmp_path, DISCOUNT_DATABASE_URL=moved) as service:
            assert held == {user: get(service, f"/v1/discount/fetch/b1/{user}") for user in users}
            assert get(service, "/v1/discount/fetch/b1/user3") not in held.values()
    finally:
        with psycopg.connect(url_of("postgres"), autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
            server.execute(f"DROP ROLE {name}")


def post(service, path, body):
    answer = requests.post(f"{service.url}{path}", json=body, headers=bearer(), timeout=60)
    assert 200 == answer.status_code


def get(service, path):
    answer = requests.get(f"{service.url}{path}", headers=bearer(), timeout=60)
    assert 200 == answer.status_code
    return answer.json()["discount_code"]
