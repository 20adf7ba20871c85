"""The tables are created by migrations only, once, and match the statements."""

from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Index
from sqlalchemy.schema import ColumnCollectionConstraint

from service.store.maintenance.structure import missing_keys
from service.store.maintenance.upgrade import upgrade
from service.store.migrations.current import current_revision, why_not_ready
from service.store.migrations.revisions import MIGRATIONS, newest_revision
from service.store.sqlite.database import SQLiteDatabase
from service.store.sqlite.files import make_file
from service.store.tables import IDEMPOTENCY_KEY, belongs, metadata
from tests.store.racing import race
from tests.support.engines import on_sqlite
from tests.support.waiting import WITHIN_S

pytestmark = pytest.mark.own_database


def test_migrations_and_tables_agree(database):
    def mine(item, name, *_):
        huey = name is not None and name.startswith("huey_")
        return belongs(item, database.engine.dialect.name) and not huey

    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": mine})
        assert [] == compare_metadata(context, metadata)


def test_rules_and_conditions_agree(database):
    """Alembic compares neither checks nor partial indexes; `discount verify` does."""
    with database.read() as connection:
        assert [] == list(missing_keys(connection.dialect.name, connection))


def definitions(database):
    """Return the engine's description of the tables."""
    catalogue = {
        "sqlite": "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL",
        "postgresql": """
            SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
            UNION ALL SELECT indexname, indexdef FROM pg_indexes
            UNION ALL SELECT attrelid || '.' || attname, format_type(atttypid, atttypmod)
            FROM pg_attribute WHERE attnum > 0
        """,
    }
    with database.read() as connection:
        return set(connection.exec_driver_sql(catalogue[database.engine.dialect.name]).all())


def test_every_key_begins_with_the_brand():
    """So that data can be split by brand: primary keys, unique keys and foreign keys.

    But for the idempotency key, which belongs to a caller and not to a brand.
    """
    for table in metadata.sorted_tables:
        if table.name == "brand":
            continue
        keys = [
            *(key for key in table.constraints if not isinstance(key, CheckConstraint)),
            *(index for index in table.indexes if index.name != IDEMPOTENCY_KEY),
        ]
        assert keys
        for key in keys:
            assert isinstance(key, ColumnCollectionConstraint | Index)
            assert "brand_id" == key.columns[0].name


def test_upgrading_twice_changes_nothing(database):
    before = definitions(database)
    assert newest_revision() == upgrade(database)
    assert before == definitions(database)


def test_the_newest_revision_is_alembics_head():
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == newest_revision()


def test_a_database_without_tables_is_not_ready(tmp_path):
    make_file(tmp_path / "empty.db")
    empty = SQLiteDatabase(f"sqlite:///{tmp_path}/empty.db", threads=1)
    assert "db upgrade" in (why_not_ready(empty) or "")
    upgrade(empty)
    assert why_not_ready(empty) is None


def test_processes_that_upgrade_at_once_wait_for_each_other(tmp_path):
    race(upgrade_new_files, tmp_path, 3)


def test_processes_that_open_a_new_file_at_once_wait_for_each_other(tmp_path):
    """SQLite refuses all but one that enable the write-ahead log, however long they wait."""
    race(open_new_files, tmp_path, 20)


def upgrade_new_files(barrier, folder, files):
    for file in range(files):
        with closing(opened(folder / f"{file}.db")) as database:
            barrier.wait(WITHIN_S)
            assert newest_revision() == upgrade(database)


def open_new_files(barrier, folder, files):
    for file in range(files):
        make_file(folder / f"{file}.db")
        with closing(opened(folder / f"{file}.db")) as database:
            barrier.wait(WITHIN_S)
            database.why_not_ready()


def opened(file):
    return SQLiteDatabase(f"sqlite:///{file}", threads=1)


@on_sqlite
def test_sqlite_is_durable_and_strict(database):
    """A power cut loses no answered change, and references are enforced."""
    with database.read() as connection:

        def pragma(name):
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()

        assert "wal" == pragma("journal_mode")
        assert 2 == pragma("synchronous")
        assert 1 == pragma("foreign_keys")
        assert pragma("busy_timeout") >= 1000


def test_a_database_is_at_no_revision_before_it_is_upgraded(tmp_path):
    make_file(tmp_path / "empty.db")
    empty = SQLiteDatabase(f"sqlite:///{tmp_path}/empty.db", threads=1)
    with empty.read() as connection:
        assert current_revision(connection) is None
