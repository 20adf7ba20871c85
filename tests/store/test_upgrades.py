"""Upgrading a database that is in use: from every earlier revision, with everything in it kept."""

import itertools

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from service.domain.errors import NoCodesLeft
from service.domain.model import Idempotency, State
from service.store.engines import open_database, reservations_in
from service.store.maintenance.upgrade import upgrade
from service.store.revision import MIGRATIONS, newest_revision
from service.store.store import SQLStore
from tests.engines import on_sqlite
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
    database = open_database(settings)
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


@on_sqlite
@pytest.mark.parametrize("revision", EARLIER)
def test_a_list_keeps_its_order(old, revision):
    """Codes were listed by their text before revision 6, which somebody may be amid."""
    upgrade(old, to=revision)
    fill(old)
    upgrade(old)
    store = SQLStore(old, reservations_in(old))
    added, _ = store.add_codes("brand", "default", 1, lambda _: ["AAAB"], NOW)
    listed = store.codes("brand", "default", None, None, 10).items
    assert ["AAAA", "BBBB", "CCCC", *added] == [code.code for code in listed]
    behind = store.codes("brand", "default", None, "BBBB", 10).items
    assert ["CCCC", *added] == [code.code for code in behind]


BEFORE_6 = {
    "create": """
        INSERT INTO code (brand_id, campaign_id, code, state, created_at)
        SELECT 1, 1, value, 'available', 5 FROM json_each('["AAAA", "DDDD"]') WHERE TRUE
        ON CONFLICT DO NOTHING RETURNING code
    """,
    "claim": """
        UPDATE code SET state = 'reserved', user_id = 'user2', reserved_at = 5
        WHERE brand_id = 1 AND campaign_id = 1 AND code = (
            SELECT code FROM code INDEXED BY code_free
            WHERE brand_id = 1 AND campaign_id = 1 AND state = 'available' ORDER BY code LIMIT 1
        ) RETURNING code
    """,
    "list": "SELECT code FROM code WHERE brand_id = 1 AND campaign_id = 1 ORDER BY code",
    "list taken": """
        SELECT code FROM code INDEXED BY code_taken WHERE brand_id = 1 AND campaign_id = 1
        AND state = 'reserved' AND state <> 'available' ORDER BY code
    """,
}
"""What the version before revision 6 said, word for word, where its tables were others."""


@on_sqlite
def test_the_version_before_codes_lay_in_order_works_on(old):
    upgrade(old)
    fill(old)
    with old.transaction() as connection:
        told = {
            name: connection.execute(text(said)).scalars().all() for name, said in BEFORE_6.items()
        }
        with pytest.raises(IntegrityError, match="user_id"):
            connection.execute(text(BEFORE_6["claim"]))
    assert {
        "create": ["DDDD"],
        "claim": ["AAAA"],
        "list": ["AAAA", "BBBB", "CCCC", "DDDD"],
        "list taken": ["AAAA", "BBBB"],
    } == told
