"""Upgrading a database that is in use: from every earlier revision, with everything in it kept."""

import itertools

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import text

from service.domain.errors import NoCodesLeft
from service.domain.model import Idempotency, State
from service.store.engines import open_database, reservations_in
from service.store.revision import MIGRATIONS, newest_revision
from service.store.store import SQLStore
from service.store.upgrade import upgrade
from tests.postgresql import fresh_database

EARLIER = [
    revision.revision
    for revision in ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    if revision.revision != newest_revision()
]
NOW = 1_800_000_000_000
FILLING = (
    "INSERT INTO brand (name, created_at) VALUES ('brand', 5)",
    "INSERT INTO campaign SELECT id, 1, 'default', 5 FROM brand",
    "INSERT INTO tally (brand_id, campaign_id, available, reserved) SELECT id, 1, 2, 1 FROM brand",
    *(
        f"INSERT INTO code (brand_id, campaign_id, code, state, created_at)"
        f" SELECT id, 1, '{code}', 'available', 5 FROM brand"
        for code in ("AAAA", "BBBB", "CCCC")
    ),
    "UPDATE code SET state = 'reserved', user_id = 'user1', reserved_at = 6 WHERE code = 'BBBB'",
)
"""What the first revision's service wrote; every later one must take it, old and new rows alike."""


@pytest.fixture
def database_url(engine, tmp_path):
    """A database without tables."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path}/discount.db"
    else:
        with fresh_database() as url:
            yield url


@pytest.fixture
def old(settings):
    """A database that is nobody's yet."""
    database = open_database(Flask("old"), settings)
    yield database
    database.close()


def fill(database, statements=FILLING):
    with database.transaction() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize("revision", EARLIER)
def test_everything_is_kept_and_served(old, revision):
    assert revision == upgrade(old, to=revision)
    fill(old)
    assert newest_revision() == upgrade(old)
    store = SQLStore(old, reservations_in(old))
    held = store.find_reservation("brand", "default", "user1")
    assert held is not None
    assert ("BBBB", State.RESERVED, 6) == (held.code, held.state, held.reserved_at)
    given = {store.reserve("brand", "default", f"user{n}", NOW)[0].code for n in range(1, 4)}
    assert {"AAAA", "BBBB", "CCCC"} == given
    with pytest.raises(NoCodesLeft):
        store.reserve("brand", "default", "user4", NOW)
    once = Idempotency(b"k" * 32, b"c" * 32)
    supply = itertools.cycle([["DDDD"]])
    added = store.add_codes("brand", "default", 1, lambda _: next(supply), NOW, once=once)
    assert (["DDDD"], True) == added
    assert 1 == store.brand("brand")[1][State.AVAILABLE]


@pytest.mark.parametrize("revision", EARLIER)
def test_the_version_before_works_on(old, revision):
    """A roll-out migrates first: what the old version writes, the new tables still take."""
    upgrade(old, to=revision)
    upgrade(old)
    fill(old)
    store = SQLStore(old, reservations_in(old))
    assert 2 == store.brand("brand")[1][State.AVAILABLE]
    assert store.reserve("brand", "default", "user2", NOW)[1]
