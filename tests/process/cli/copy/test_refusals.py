"""Copies that are refused or interrupted leave nothing behind."""

import multiprocessing
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from service.domain.errors import Unavailable
from service.store.errors import MaintenanceError
from service.store.maintenance.copy import copy
from service.store.migrations.current import why_not_ready
from service.store.opening import open_database
from tests.process.cli.copy.copies import by_hand, is_untouched, rows_of, run
from tests.support.forked import CONTEXT
from tests.support.postgresql import fresh_database, migrated, url_of


class TestRefusals:
    def test_rows_in_the_target_are_kept(self, source, target):
        assert 0 == run(source[0], target)[0]
        before = rows_of(target)
        for options in ((), ("--restart",)):
            status, output = run(source[0], target, *options)
            assert 1 == status
            assert " (TO): it has rows in brand, and only an empty one is filled." in output
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
        assert (1, True) == (status, " (TO): at revision 9999, later than" in output)

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
        assert output.startswith("Error: The database, PostgreSQL at ")
        assert " (TO): 42501 " in output
        assert is_untouched(target)

    def test_an_encoding_without_names_is_refused(self, source, target):
        name = f"discount_{uuid4().hex}"
        with psycopg.connect(target, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING latin1 LOCALE 'C'")
            try:
                status, output = run(source[0], url_of(name))
            finally:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        assert (1, True) == (status, " (TO): the encoding is LATIN1" in output)

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
