"""The quick look at the revision, without SQLAlchemy."""

import pytest

from service.settings import Settings
from service.store.engines import engine_of
from service.store.sqlite.fit_revision import fit_revision
from tests.support.engines import on_sqlite

pytestmark = pytest.mark.own_database


@on_sqlite
def test_a_file_whose_tables_are_made_is_newest(database, settings):
    database.close()
    assert fit_revision(settings)


@on_sqlite
@pytest.mark.parametrize("other", ["0001", "0000", "abcdef012345", "", "10000", "٩٩٩٩"])
def test_a_file_at_an_earlier_or_an_unknown_revision_is_not_fit(database, settings, other):
    with database.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{other}'")
    assert not fit_revision(settings)


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    assert not fit_revision(Settings(database_url=f"sqlite:///{tmp_path}/discount.db"))
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_file_without_tables_is_not(tmp_path, content):
    file = tmp_path / "a file?#%20.db"
    file.write_bytes(content)
    assert not fit_revision(Settings(database_url=f"sqlite:///{file}"))


def test_for_postgresql_this_is_unknown():
    settings = Settings(database_url="postgresql://nobody.invalid/discount")
    assert engine_of(settings.database_url).fit_revision(settings) is None
