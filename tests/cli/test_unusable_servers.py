"""Every command names in one sentence the PostgreSQL server that it cannot use, and why."""

import psycopg
import pytest

from tests.cli.complaints import COMMANDS, PASSWORD, all_of, complaint
from tests.support.engines import on_postgresql
from tests.support.postgresql import fresh_database
from tests.support.running import free_port

ON_POSTGRESQL = {name: words for name, words in COMMANDS.items() if name != "backup"}
pytestmark = pytest.mark.usefixtures("folder")


@all_of(ON_POSTGRESQL)
def test_a_server_that_is_down_is_named(words, discount, monkeypatch):
    port = free_port()
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/shop"
    monkeypatch.setenv("DISCOUNT_DATABASE_URL", url)
    output = complaint(discount(*words))
    assert f"PostgreSQL at 127.0.0.1:{port} (DISCOUNT_DATABASE_URL): Connection refused" in output


@all_of(ON_POSTGRESQL)
def test_an_unknown_host_is_named(words, discount, monkeypatch):
    monkeypatch.setenv("DISCOUNT_DATABASE_URL", f"postgresql://me:{PASSWORD}@host.invalid/shop")
    output = complaint(discount(*words))
    assert "PostgreSQL at host.invalid (DISCOUNT_DATABASE_URL): " in output
    assert "not known" in output or "name resolution" in output or "not translate" in output


@all_of(ON_POSTGRESQL)
def test_an_at_sign_in_a_password_is_found_and_not_shown(words, discount, monkeypatch):
    monkeypatch.setenv("DISCOUNT_DATABASE_URL", f"postgresql://me:at@{PASSWORD}@127.0.0.1/shop")
    assert "DISCOUNT_DATABASE_URL: a host has an '@'" in complaint(discount(*words))


@on_postgresql
class TestOnPostgreSQL:
    @all_of(ON_POSTGRESQL)
    def test_an_unknown_database_is_named(self, words, discount, monkeypatch, database_url):
        parts = psycopg.conninfo.conninfo_to_dict(database_url) | {"dbname": "no_such"}
        monkeypatch.setenv("DISCOUNT_DATABASE_URL", uri(parts))
        assert '(DISCOUNT_DATABASE_URL): database "no_such" does not exist' in complaint(
            discount(*words)
        )

    @all_of(ON_POSTGRESQL)
    def test_an_unknown_user_is_named(self, words, discount, monkeypatch, database_url):
        parts = psycopg.conninfo.conninfo_to_dict(database_url) | {"user": "nobody_here"}
        monkeypatch.setenv("DISCOUNT_DATABASE_URL", uri(parts))
        assert "nobody_here" in complaint(discount(*words))

    @all_of({name: COMMANDS[name] for name in ("upgrade", "check")})
    def test_an_encoding_without_most_names_is_named(self, words, discount, monkeypatch, latin1):
        monkeypatch.setenv("DISCOUNT_DATABASE_URL", latin1)
        assert "(DISCOUNT_DATABASE_URL): the encoding is LATIN1" in complaint(discount(*words))


@pytest.fixture
def latin1():
    with fresh_database(options="ENCODING latin1 LOCALE 'C'") as url:
        yield url


def uri(parts):
    """Build a URL of its parts."""
    rest = "&".join(f"{name}={value}" for name, value in parts.items() if name != "host")
    return f"postgresql:///?{rest}&host={parts.get('host', '')}"
