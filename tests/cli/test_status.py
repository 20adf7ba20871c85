"""`discount status`: a table for people, JSON for scripts."""

import json

import pytest

from service.domain.codes import mint
from service.settings import Settings
from service.store.opening import open_database, reservations_in
from service.store.repositories.store import SQLStore
from tests.support.creating import add_codes

NOW = 1_800_000_000_000


@pytest.fixture
def store(tables):
    database = open_database(Settings(database_url=tables, jwt_secret=""), threads=1)
    yield SQLStore(database, reservations_in(database))
    database.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
def test_the_campaigns_are_shown_with_their_codes(discount, store):
    add_codes(store, "brand", "default", 1000, mint, NOW)
    add_codes(store, "another", "default", 1, mint, NOW)
    store.reserve("brand", "default", "user", NOW)
    done = discount("status")
    assert 0 == done.exit_code, done.output
    lines = done.stdout.splitlines()
    assert "Jobs      0 running, 0 queued" in lines
    header, first, second = lines[-3:]
    assert [
        "brand",
        "campaign",
        "available",
        "reserved",
        "redeemed",
        "expired",
        "disabled",
    ] == header.split()
    assert ["another", "default", "1", "0", "0", "0", "0"] == first.split()
    assert ["brand", "default", "999", "1", "0", "0", "0"] == second.split()
    assert len(header) == len(second)
    assert all(len(line) <= 79 for line in lines[-3:])


def test_scripts_get_the_same_as_json(discount, store):
    add_codes(store, "brand", "default", 2, mint, NOW)
    found = json.loads(discount("status", "--json").stdout)
    (campaign,) = found["campaigns"]
    assert ("brand", "default") == (campaign["brand"], campaign["campaign"])
    assert 2 == campaign["counts"]["available"]
    assert found["revision"] == found["newest_revision"]


def test_an_empty_database_says_how_to_begin(discount, tables):
    assert "none yet" in discount("status").stdout
