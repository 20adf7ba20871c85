"""Fixtures of the command line's tests: commands run in this process."""

from contextlib import closing

import pytest
from click.testing import CliRunner

from service.cli import main
from service.settings import Settings
from service.store.maintenance.upgrade import upgrade
from service.store.opening import open_database
from tests.support.tokens import SECRET


@pytest.fixture
def engine(request):
    """SQLite, unless a test chooses the engine."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def database_url(new_database_url):
    return new_database_url


@pytest.fixture
def discount(monkeypatch, database_url):
    """Run a command on a database of its own."""
    monkeypatch.setenv("DISCOUNT_DATABASE_URL", database_url)
    monkeypatch.setenv("DISCOUNT_JWT_SECRET", SECRET)
    monkeypatch.setenv("DISCOUNT_PSEUDONYM_KEY", SECRET)

    def run(*words, **options):
        return CliRunner().invoke(main, [str(word) for word in words], **options)

    return run


@pytest.fixture
def tables(database_url):
    """A database with its tables."""
    settings = Settings(database_url=database_url, jwt_secret=SECRET)
    with closing(open_database(settings, threads=1)) as database:
        upgrade(database)
    return database_url


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with a list of codes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").write_text("SUMMER-1\n")
    return tmp_path
