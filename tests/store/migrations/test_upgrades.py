"""Upgrades of a database in use from every earlier revision, with all data kept."""

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from service.domain.errors import NoCodesLeft, Unavailable
from service.domain.model import Idempotency, State
from service.store.maintenance.upgrade import upgrade
from service.store.migrations.current import current_revision
from service.store.migrations.revisions import MIGRATIONS, newest_revision
from service.store.opening import open_database, reservations_in
from service.store.repositories.store import SQLStore
from tests.support.creating import add_codes
from tests.support.engines import on_postgresql, on_sqlite
from tests.support.waiting import wait_until

EARLIER = [
    revision.revision
    for revision in ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    if revision.revision != newest_revision()
]
NOW = 1_800_000_000_000
FILLING = (
    "INSERT INTO brand (name, created_at) VALUES ('brand', 5)",
    "INSERT INTO campaign (brand_id, id, name, created_at) SELECT id, 1, 'default', 5 FROM brand",
    "INSERT INTO tally (brand_id, campaign_id, available, reserved) SELECT id, 1, 2, 1 FROM brand",
    *(
        f"INSERT INTO code (brand_id, campaign_id, code, state, created_at)"
        f" SELECT id, 1, '{code}', 'available', 5 FROM brand"
        for code in ("AAAA", "BBBB", "CCCC")
    ),
    "UPDATE code SET state = 'reserved', user_id = 'user1', reserved_at = 6 WHERE code = 'BBBB'",
)
"""Rows of the first revision's service, which every later one must accept."""


@pytest.fixture
def database_url(new_database_url):
    return new_database_url


@pytest.fixture
def old(settings):
    """An empty database for one test."""
    database = open_database(settings)
    yield database
    database.close()


def fill(database, statements=FILLING):
    with database.transaction() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    ("engine", "revision"),
    [
        *(("sqlite", revision) for revision in EARLIER),
        *(("postgresql", revision) for revision in ("0001", "0006")),
        *(pytest.param("postgresql", revision, marks=pytest.mark.long) for revision in EARLIER),
    ],
    indirect=["engine"],
)
def test_everything_is_kept_and_served(old, revision):
    assert revision == upgrade(old, to=revision)
    fill(old)
    assert newest_revision() == upgrade(old)
    store = SQLStore(old, reservations_in(old))
    held = store.find_reservation("brand", "default", "user1", NOW)
    assert held is not None
    assert ("BBBB", State.RESERVED, 6) == (held.code, held.state, held.reserved_at)
    given = {
        store.reserve("brand", "default", f"user{n}", NOW).reservation.code for n in range(1, 4)
    }
    assert {"AAAA", "BBBB", "CCCC"} == given
    with pytest.raises(NoCodesLeft):
        store.reserve("brand", "default", "user4", NOW)
    idempotency = Idempotency(b"k" * 32, b"c" * 32)
    supply = itertools.cycle([["DDDD"]])
    added = add_codes(
        store, "brand", "default", 1, lambda _: next(supply), NOW, idempotency=idempotency
    )
    assert (["DDDD"], True) == added
    assert 1 == store.brand("brand", NOW).counts[State.AVAILABLE]


def test_the_version_before_works_on(old):
    """A roll-out migrates first, so the new tables accept what the old version writes.

    Every path of upgrades leads to the same tables; the test above covers their content.
    """
    upgrade(old)
    fill(old)
    store = SQLStore(old, reservations_in(old))
    assert 2 == store.brand("brand", NOW).counts[State.AVAILABLE]
    assert store.reserve("brand", "default", "user2", NOW).new


@on_sqlite
@pytest.mark.parametrize("revision", ["0001", "0005", "0006"])
def test_a_list_keeps_its_order(old, revision):
    """Codes were listed by their text before revision 6, so a caller may be within a listing."""
    upgrade(old, to=revision)
    fill(old)
    upgrade(old)
    store = SQLStore(old, reservations_in(old))
    added, _ = add_codes(store, "brand", "default", 1, lambda _: ["AAAB"], NOW)
    listed = store.codes("brand", "default", None, None, 10, NOW).items
    assert ["AAAA", "BBBB", "CCCC", *added] == [code.code for code in listed]
    behind = store.codes("brand", "default", None, "BBBB", 10, NOW).items
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
"""The statements of the version before revision 6, verbatim, for tables that have changed."""


@on_sqlite
def test_the_version_before_codes_lay_in_order_works_on(old):
    upgrade(old)
    fill(old)
    with old.transaction() as connection:
        results = {
            name: connection.execute(text(statement)).scalars().all()
            for name, statement in BEFORE_6.items()
        }
        with pytest.raises(IntegrityError, match="user_id"):
            connection.execute(text(BEFORE_6["claim"]))
    assert {
        "create": ["DDDD"],
        "claim": ["AAAA"],
        "list": ["AAAA", "BBBB", "CCCC", "DDDD"],
        "list taken": ["AAAA", "BBBB"],
    } == results


@contextmanager
def upgrading(settings, table) -> Iterator[Future[str | None]]:
    """Upgrade in another thread; continue when that waits for a table."""
    waiting = text("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = CAST(:t AS regclass)")
    with (
        closing(open_database(settings)) as new,
        closing(open_database(settings)) as looks,
        ThreadPoolExecutor(1) as pool,
    ):

        def waits():
            with looks.read() as connection:
                return connection.execute(waiting, {"t": table}).scalar()

        upgraded = pool.submit(upgrade, new)
        wait_until(lambda: upgraded.done() or waits())
        yield upgraded


@on_postgresql
def test_an_upgrade_does_not_wait_for_a_request_that_waits_for_it(old, settings):
    """The locks of a creation with a key: it finds the key, counts codes, and stores the answer."""
    upgrade(old, to="0006")
    fill(old)
    with old.transaction() as request:
        request.execute(text("SELECT * FROM idempotency"))
        with upgrading(settings, "idempotency") as upgraded:
            request.execute(text("SET LOCAL statement_timeout = '60s'"))
            request.execute(text("UPDATE tally SET available = available"))
            request.execute(text("INSERT INTO idempotency SELECT id, 'k', 'c', '[]', 5 FROM brand"))
            request.commit()
            assert newest_revision() == upgraded.result()


@on_postgresql
def test_of_two_tables_that_a_step_wants_it_keeps_neither_for_long(old, settings):
    """The locks of a creation in a new brand: it begins the tally, then looks for staged codes."""
    upgrade(old, to="0006")
    fill(old)
    with old.transaction() as request:
        request.execute(text("UPDATE tally SET available = available"))
        with upgrading(settings, "tally") as upgraded:
            request.execute(text("SET LOCAL statement_timeout = '60s'"))
            request.execute(text("SELECT * FROM import_file"))
            request.commit()
            assert newest_revision() == upgraded.result()


def revision_of(database):
    with database.read() as connection:
        return current_revision(connection)


def test_a_step_that_fails_leaves_those_before_it_done(old):
    """Each step is a transaction of its own, and the next upgrade continues after them."""
    upgrade(old, to="0007")
    fill(old, ["ALTER TABLE import_file ADD COLUMN brand TEXT"])  # which is in the way of 0008
    with pytest.raises((DBAPIError, Unavailable)):
        upgrade(old)
    assert "0007" == revision_of(old)
    fill(old, ["ALTER TABLE import_file DROP COLUMN brand"])
    assert newest_revision() == upgrade(old)


@on_postgresql
def test_a_table_in_use_for_long_ends_the_upgrade_after_the_steps_before_it(
    old, settings, monkeypatch
):
    monkeypatch.setattr("service.store.maintenance.upgrade.ATTEMPTS", 1)
    upgrade(old, to="0006")
    with old.transaction() as request:
        request.execute(text("SELECT * FROM idempotency"))
        with (
            upgrading(settings, "idempotency") as upgraded,
            pytest.raises(Unavailable),
        ):
            upgraded.result()
    assert "0008" == revision_of(old)
    assert newest_revision() == upgrade(old)


def test_a_new_database_gets_all_its_tables_or_none(old, monkeypatch):
    """No process uses the database yet, and one transaction is faster than many."""
    with monkeypatch.context() as broken:
        broken.setattr(Operations, "add_column", lambda *_arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            upgrade(old)
    assert revision_of(old) is None
    assert newest_revision() == upgrade(old)


@on_postgresql
def test_indexes_that_were_built_beforehand_are_taken(old):
    upgrade(old, to="0012")
    fill(old)
    built = """
        CREATE UNIQUE INDEX code_by_user_and_campaign ON code (brand_id, user_id, campaign_id)
        WHERE user_id IS NOT NULL
    """
    oid = "SELECT to_regclass('{}')::oid::int"
    with old.transaction() as connection:
        connection.execute(text(built))
        before = connection.execute(text(oid.format("code_by_user_and_campaign"))).scalar_one()
    upgrade(old)
    with old.read() as connection:
        assert before == connection.execute(text(oid.format("code_by_user"))).scalar_one()


@on_postgresql
def test_an_index_whose_building_was_interrupted_is_replaced(old):
    upgrade(old, to="0012")
    with old.transaction() as connection:
        connection.execute(text("CREATE INDEX code_due ON code (state)"))
        connection.execute(
            text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'code_due'::regclass")
        )
    upgrade(old)
    with old.read() as connection:
        found = connection.execute(text("SELECT pg_get_indexdef('code_due'::regclass)"))
        assert "expires_at" in found.scalar_one()
