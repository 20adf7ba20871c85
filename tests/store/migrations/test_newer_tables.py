"""Newer tables: a version that was rolled back serves them, and needs no upgrade."""

import psycopg
import pytest
from click.testing import CliRunner

from service.cli import main
from service.store.errors import MaintenanceError
from service.store.maintenance.upgrade import upgrade
from service.store.migrations.current import why_not_ready
from service.store.migrations.revisions import RevisionStatus, newest_revision, revision_status
from service.worker.process import what_is_missing
from tests.support.engines import on_sqlite
from tests.support.postgresql import fresh_database, migrated

pytestmark = pytest.mark.own_database  # commands have connections of their own


def cli(settings, *arguments):
    """Run the command on the settings' database."""
    env = {"DISCOUNT_DATABASE_URL": settings.database_url}
    return CliRunner().invoke(main, [*arguments], env=env)


def put_at(database, revision):
    with database.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, RevisionStatus.NO_TABLES),
        ("0001", RevisionStatus.OLDER),
        (newest_revision(), RevisionStatus.SAME),
        ("9999", RevisionStatus.NEWER),
        ("0000", RevisionStatus.UNKNOWN),
        ("abcdef012345", RevisionStatus.UNKNOWN),
        ("", RevisionStatus.UNKNOWN),
        ("10000", RevisionStatus.UNKNOWN),
    ],
)
def test_what_a_revision_means(found, expected):
    assert expected is revision_status(found)


def test_newer_tables_serve_and_need_nothing(database, settings):
    put_at(database, "9999")
    assert "9999" == upgrade(database)
    assert why_not_ready(database) is None
    assert [] == list(what_is_missing(settings, "it", str))
    database.close()
    for command in (["db", "upgrade"], ["verify"], ["worker", "--check"]):
        done = cli(settings, *command)
        assert (0, None) == (done.exit_code, done.exception), done.output
    output = cli(settings, "db", "upgrade").stderr
    assert "Nothing to do" in output
    assert "9999" in output
    assert newest_revision() in output


def test_a_revision_of_nobodys_is_named(database, settings):
    put_at(database, "abcdef012345")
    with pytest.raises(MaintenanceError, match="abcdef012345"):
        upgrade(database)
    assert "abcdef012345" in (why_not_ready(database) or "")
    database.close()
    done = cli(settings, "db", "upgrade")
    assert 1 == done.exit_code
    assert "(DISCOUNT_DATABASE_URL): at revision abcdef012345, wanted" in done.stderr
    assert 1 == cli(settings, "verify").exit_code


@on_sqlite
def test_newer_tables_are_copied_by_their_own_version(database, settings):
    """Only the newer version knows what they contain."""
    put_at(database, "9999")
    database.close()
    with fresh_database(migrated()) as target:
        done = cli(settings, "db", "copy", settings.database_url, target)
        assert (1, True) == (done.exit_code, "newer than" in done.stderr)
        with psycopg.connect(target) as connection:
            assert not connection.execute("SELECT * FROM brand").fetchall()
