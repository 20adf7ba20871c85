"""`discount db copy` copies an SQLite file into PostgreSQL completely, or not at all."""

import multiprocessing
import os
import pty
import re
import shutil
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import create_engine, select

from service.app import create_app, services_of
from service.cli import main
from service.container.services import build
from service.domain.errors import Unavailable
from service.domain.model import State
from service.settings import Settings
from service.store.engines import engine_of
from service.store.errors import MaintenanceError
from service.store.maintenance.checksums import shared_columns
from service.store.maintenance.copy import copy
from service.store.maintenance.structure import missing_keys
from service.store.maintenance.verify import verify
from service.store.migrations.current import why_not_ready
from service.store.opening import open_database
from service.store.sqlite.checksums import checksum
from service.store.tables import metadata
from tests.process.cli.runbooks import blocks_of, follow
from tests.support.forked import CONTEXT, Forked
from tests.support.postgresql import fresh_database, migrated, url_of
from tests.support.running import environment, running
from tests.support.tables import make_tables
from tests.support.tokens import SECRET, bearer

BRANDS = ("brand1", "caf\u00e9", "cafe\u0301", "a\\b", "\U0001f642 \u05d0\u200d", "%20")
USERS = ("user1", "\u00e9", "e\u0301", "\\N", "\\.", "a\u00a0b", "\U0010ffff" * 128)
BY_HAND = """
    UPDATE code SET state = 'redeemed', expires_at = 9 WHERE user_id = 'user1';
    UPDATE code SET state = 'expired' WHERE user_id = '\\N';
    UPDATE code SET state = 'disabled' WHERE brand_id = 3 AND state = 'available';
    INSERT INTO campaign (brand_id, id, name, created_at) VALUES (1, 2, 'summer', 1);
    INSERT INTO tally (brand_id, campaign_id) VALUES (1, 2);
    INSERT INTO job (brand_id, id, campaign_id, kind, state, parameters, requested_by, total, done,
        failed, created_at, finished_at, leased_until)
    VALUES (1, 'j', 1, 'generate', 'succeeded', '{}', 'caller', 10, 10, 0, 1, 2, 0);
    INSERT INTO import_file (brand_id, id, created_at, job_brand_id, job_id)
    VALUES (1, 'f', 1, 1, 'j');
    INSERT INTO import_block (brand_id, file, number, content) VALUES (1, 'f', 0, x'00ff0a');
    INSERT INTO import_run (brand_id, file, run, part, content) VALUES (1, 'f', 0, 0, 'AAAA 1');
    INSERT INTO import_row (brand_id, code, file, line) VALUES (1, 'AAAA', 'f', 1);
    INSERT INTO import_refusal (brand_id, job_id, line, reason) VALUES (1, 'j', 2, 'bad-form');
    DELETE FROM tally;
    INSERT INTO tally (brand_id, campaign_id, STATES) SELECT campaign.brand_id, id, COUNTED
    FROM campaign LEFT JOIN code ON code.brand_id = campaign.brand_id AND campaign_id = id
    GROUP BY campaign.brand_id, id;
""".replace("STATES", ", ".join(State)).replace(
    "COUNTED", ", ".join(f"coalesce(sum(state = '{state}'), 0)" for state in State)
)
"""States that no call sets yet."""


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


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """A file with every state, recently in use, and the answers to callers."""
    file = tmp_path_factory.mktemp("used") / "discount.db"
    env = environment(file.parent)
    make_tables(env)
    url = env["DISCOUNT_DATABASE_URL"]
    app = create_app(build(Settings(database_url=url, jwt_secret=SECRET)))
    answers = Answers(app)
    created = {brand: answers.create(brand, key_for(brand))[0] for brand in BRANDS}
    held = {(brand, user): answers.fetch(brand, user) for brand in BRANDS for user in USERS}
    services_of(app).storage.store.close()
    by_hand(url, BY_HAND)
    return file, created, held


@pytest.fixture
def source(used, tmp_path):
    """A copy of the file for one test."""
    file, created, held = used
    shutil.copyfile(file, tmp_path / "discount.db")
    return f"sqlite:///{tmp_path}/discount.db", created, held


@pytest.fixture
def settings():
    return Settings(jwt_secret=SECRET)


@pytest.fixture
def target():
    with fresh_database() as url:
        yield url


@pytest.fixture(params=["no tables", "empty tables"])
def template(request):
    """The structure of a target."""
    return "template0" if request.param == "no tables" else migrated()


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


class TestRefusals:
    def test_rows_in_the_target_are_kept(self, source, target):
        assert 0 == run(source[0], target)[0]
        before = rows_of(target)
        for options in ((), ("--restart",)):
            status, output = run(source[0], target, *options)
            assert 1 == status
            assert (
                "Error: The database has rows in brand, and only an empty one is filled." in output
            )
        assert before == rows_of(target)

    def test_a_missing_file_is_not_made(self, target, tmp_path):
        status, output = run(f"sqlite:///{tmp_path}/none.db", target)
        assert 1 == status
        assert output.startswith(f"Error: There is no database file {tmp_path}/none.db: ")
        assert not (tmp_path / "none.db").exists()

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"code\nSUMMER-1\n", "is not an SQLite database."),
            (b"SQLite format 3\0" + b"\xff" * 5000, "is not an SQLite database."),
            (b"", "without tables: no tables yet"),
        ],
    )
    def test_an_error_of_the_source_does_not_name_another_database(
        self, content, reason, target, tmp_path
    ):
        file = tmp_path / "old.db"
        file.write_bytes(content)
        status, output = run(f"sqlite:///{file}", target)
        assert 1 == status
        assert reason in output
        assert "DISCOUNT_DATABASE_URL" not in output
        assert not content or f"{file} (FROM)" in output

    def test_the_engines_are_not_mixed_up(self, source, target):
        assert run(target, target) == (1, "Error: This works on SQLite files, not on postgresql.\n")
        assert 1 == run(source[0], source[0])[0]
        assert "TO is not postgresql://" in run(source[0], source[0])[1]
        assert "Error: FROM: neither" in run("discount.db", target)[1]
        assert "Error: TO: neither" in run(source[0], "discount.db")[1]

    def test_tables_of_another_revision_are_brought_up_to_date_first(self, source, target):
        by_hand(source[0], "UPDATE alembic_version SET version_num = '0001'")
        status, output = run(source[0], target)
        assert 1 == status
        assert "The SQLite file is at revision 0001" in output
        assert is_untouched(target)

    def test_a_target_of_a_later_version_is_left_alone(self, source):
        with fresh_database(migrated()) as target:
            with psycopg.connect(target) as connection:
                connection.execute("UPDATE alembic_version SET version_num = '9999'")
            status, output = run(source[0], target)
        assert (1, True) == (status, "The database is at revision 9999, later than" in output)

    def test_a_server_that_does_not_answer_is_named(self, source):
        status, output = run(source[0], "postgresql://127.0.0.1:1/nowhere")
        assert (1, True) == (status, "Error: The database cannot be reached: " in output)

    def test_a_user_without_the_right_is_reported(self, source, target):
        guest = f"guest_{uuid4().hex}"
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {guest} LOGIN")
            connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        try:
            status, output = run(source[0], target.replace("://postgres", f"://{guest}"))
        finally:
            with psycopg.connect(target, autocommit=True) as connection:
                connection.execute(f"DROP ROLE {guest}")
        assert (1, True) == (status, "permission denied for schema public" in output)
        assert is_untouched(target)

    def test_an_encoding_without_names_is_refused(self, source, target):
        name = f"discount_{uuid4().hex}"
        with psycopg.connect(target, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING latin1 LOCALE 'C'")
            try:
                status, output = run(source[0], url_of(name))
            finally:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        assert (1, True) == (status, "encoding LATIN1" in output)

    def test_a_row_that_postgresql_does_not_take_undoes_all_and_stays_secret(self, source, target):
        by_hand(source[0], "UPDATE code SET created_at = 'secret' WHERE user_id = 'user1'")
        status, output = run(source[0], target)
        assert (1, True) == (status, "Error: code cannot be copied: 22P02" in output)
        assert "secret" not in output
        assert is_untouched(target)

    def test_a_text_that_is_none_undoes_all_and_stays_secret(self, source, target):
        no_text = "CAST(x'736563726574ff' AS TEXT)"
        by_hand(source[0], f"UPDATE brand SET name = {no_text} WHERE id = 2")
        status, output = run(source[0], target)
        assert (1, True) == (status, "brand cannot be read; run verify" in output)
        assert "secret" not in output
        assert is_untouched(target)

    @pytest.mark.parametrize("moment", ["copy code", "compare tally"])
    def test_a_file_that_is_written_meanwhile_is_not_copied(self, source, target, moment):
        """Otherwise answers to users at this time would be lost."""
        url, *_ = source

        def write(what, done, _total):
            if (what, done) == (moment, 0):
                by_hand(url, "UPDATE brand SET created_at = created_at + 1")

        with pytest.raises(MaintenanceError, match="was written meanwhile"):
            copy(url, target, write)
        assert is_untouched(target)


def copy_until(source, target, moment, reached):
    """Copy in another process, which stops at some moment."""

    def stand_still(what, done, total):
        if what == moment and done == total:
            reached.set()
            multiprocessing.Event().wait()

    copy(source, target, stand_still)


@contextmanager
def copying(source, target, moment):
    """Yield a process that stops in the middle of a copy."""
    reached = CONTEXT.Event()
    process = CONTEXT.Process(target=copy_until, args=(source, target, moment, reached))
    process.start()
    try:
        assert reached.wait(120)
        yield process
    finally:
        process.kill()
        process.join()


def seems_ready(url, settings):
    database = open_database(replace(settings, database_url=url))
    try:
        return why_not_ready(database) is None
    except Unavailable:
        return False
    finally:
        database.close()


class TestInterruptions:
    @pytest.mark.parametrize(
        ("moment", "tables"),
        [
            ("copy brand", False),
            ("copy code", False),
            ("copy code", True),
            ("compare tally", True),
        ],
    )
    def test_a_killed_copy_leaves_nothing_and_another_succeeds(self, source, moment, tables):
        url, *_ = source
        with fresh_database(migrated() if tables else "template0") as target:
            with copying(url, target, moment) as process:
                process.kill()
                process.join()
            assert (-9, 0) == (process.exitcode, run(url, target, "--restart")[0])
            assert rows_of(url) == rows_of(target)

    def test_no_service_becomes_ready_on_a_copy_in_the_making(self, source, settings, template):
        url, *_ = source
        with fresh_database(template) as target:
            with copying(url, target, "copy code"):
                assert not seems_ready(target, settings)
            assert 0 == run(url, target)[0]
            assert seems_ready(target, settings)

    def test_a_copy_waits_for_no_other_but_can_end_it(self, source):
        """For example one whose terminal is gone, or whose death the server has not noticed."""
        url, *_ = source
        with fresh_database() as target, copying(url, target, "copy code"):
            status, output = run(url, target)
            assert (1, True) == (status, "Somebody copies into this database" in output)
            assert 0 == run(url, target, "--restart")[0]
            assert rows_of(url) == rows_of(target)
