"""Errors of PostgreSQL, by SQLSTATE."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest
from sqlalchemy import text

from service.domain.codes import mint
from service.domain.errors import InsufficientStorage, Unavailable
from service.domain.model import Idempotency
from service.observability.logging import database_error
from service.settings import Settings
from service.store.opening import open_database
from service.store.postgresql.conninfo import conninfo_of
from service.store.postgresql.driver import driver_of
from tests.support.creating import add_codes
from tests.support.engines import on_postgresql
from tests.support.postgresql import server_url
from tests.support.running import free_port
from tests.support.waiting import wait_until

pytestmark = on_postgresql

NOW = 1_800_000_000_000

PASSING = ("40001", "40P01")

LASTING = ("53100", "53200", "55P03", "57014", "58030", "XX000", "42P01", "42501")
"""Disk full, out of memory, locked, cancelled, input/output error, internal error, no table."""

OURS = ("22003", "23514", "42601")


@pytest.fixture
def fail(database):
    """Make changes of codes fail with an SQLSTATE, the first times or always."""

    def install(state, times=1_000_000, on="UPDATE OR INSERT"):
        with database.transaction() as connection:
            connection.execute(text("CREATE SEQUENCE attempt"))
            connection.execute(
                text(f"""
                CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF nextval('attempt') <= {times} THEN
                        RAISE EXCEPTION 'the secret AAAA' USING ERRCODE = '{state}';
                    END IF;
                    RETURN NULL;
                END $$
            """)
            )
            connection.execute(
                text(f"CREATE TRIGGER fail AFTER {on} ON code EXECUTE FUNCTION fail()")
            )

    yield install
    with database.transaction() as connection:
        connection.execute(text("DROP FUNCTION IF EXISTS fail CASCADE"))
        connection.execute(text("DROP SEQUENCE IF EXISTS attempt"))


@pytest.fixture
def calls(store):
    """The two calls that write."""
    add_codes(store, "brand", "default", 3, mint, NOW)
    return {
        "reserve": lambda: store.reserve("brand", "default", "user", NOW),
        "create": lambda: add_codes(store, "brand", "default", 2, mint, NOW),
    }


@pytest.mark.parametrize("call", ["reserve", "create"])
class TestErrors:
    @pytest.mark.parametrize("state", PASSING)
    def test_what_the_server_has_undone_is_tried_again(self, calls, fail, store, call, state):
        fail(state, times=1)
        calls[call]()
        counts = store.brand("brand", NOW).counts
        assert {"reserve": (2, 1), "create": (5, 0)}[call] == (
            counts["available"],
            counts["reserved"],
        )

    @pytest.mark.parametrize("state", [*PASSING, *LASTING])
    def test_what_stays_is_unavailable_and_changes_nothing(self, calls, fail, store, call, state):
        fail(state)
        full_and_growing = (state, call) == ("53100", "create")
        with pytest.raises(InsufficientStorage if full_and_growing else Unavailable):
            calls[call]()
        assert 3 == store.brand("brand", NOW).counts["available"]
        assert store.find_reservation("brand", "default", "user", NOW) is None

    @pytest.mark.parametrize("state", OURS)
    def test_our_own_mistakes_are_not_called_unavailable(self, calls, fail, call, state):
        fail(state)
        with pytest.raises(Exception, match=state):
            calls[call]()

    @pytest.mark.parametrize("state", ["22003", "23514"])
    def test_no_value_that_the_server_quotes_is_repeated(self, calls, fail, call, state):
        """The error reaches the log."""
        fail(state)
        with pytest.raises(Exception, match=state) as raised:
            calls[call]()
        assert "AAAA" not in str(raised.value)


def test_a_lost_connection_is_noticed_before_it_is_used(store, database):
    """A restarted server has closed every connection of the pool."""
    add_codes(store, "brand", "default", 40, mint, NOW)
    with ExitStack() as stack:  # reservations alone would share one connection
        for number in range(4):
            stack.enter_context(database.read()).execute(text("SELECT 1"))
            store.reserve("brand", "default", f"u{number}", NOW)
    others = "application_name = 'discount' AND pid <> pg_backend_pid()"
    with database.read() as connection:
        ended = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}"
        assert connection.execute(text(ended)).all()
    for number in range(4, 40):
        store.reserve("brand", "default", f"u{number}", NOW)
    assert 0 == store.brand("brand", NOW).counts["available"]


@pytest.fixture
def no_standby(database):
    """A server whose commits wait for a standby that does not come."""
    with psycopg.connect(server_url(), autocommit=True) as server:
        server.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        with database.transaction() as connection:
            name = connection.execute(text("SELECT current_database()")).scalar_one()
            connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = on"))
        database.close()  # connections opened from here on wait
        server.execute("SELECT pg_reload_conf()")
        yield server
        server.execute("ALTER SYSTEM RESET synchronous_standby_names")
        server.execute("SELECT pg_reload_conf()")


@pytest.mark.own_database
@pytest.mark.parametrize("call", ["reserve", "create"])
def test_a_commit_that_no_longer_waits_for_the_standby_is_no_commit(calls, call, no_standby):
    """PostgreSQL only sends a warning after a cancelled wait."""
    waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    with ThreadPoolExecutor(1) as pool:
        called = pool.submit(calls[call])
        while not called.done() and not no_standby.execute(waiting).fetchall():
            time.sleep(0.05)
        with pytest.raises(Unavailable):
            called.result()


def test_the_database_is_named_by_its_own_code(calls, fail):
    fail("53100")
    with pytest.raises(Unavailable) as raised:
        calls["reserve"]()
    assert "53100" == database_error(raised.value)


def test_without_a_connection_it_is_named_by_the_reason(engine):
    url = f"postgresql://postgres@127.0.0.1:{free_port()}/none"
    nowhere = open_database(Settings(database_url=url))
    try:
        for ask in (nowhere.read, nowhere.transaction):
            with pytest.raises(Unavailable) as raised, ask():
                pass
            assert "connection refused" == database_error(raised.value)
    finally:
        nowhere.close()


def test_repeated_requests_at_once_create_once(store):
    """The second request waits for the first, and gets its answer."""
    idempotency = Idempotency(b"k" * 32, b"c" * 32)
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda _: add_codes(
                    store, "brand", "default", 5, mint, NOW, idempotency=idempotency
                ),
                range(8),
            )
        )
    assert 1 == len({tuple(codes) for codes, _ in answers})
    assert 1 == sum(new for _, new in answers)
    assert 5 == store.brand("brand", NOW).counts["available"]


def test_a_connection_keeps_to_its_deadline(database):
    """The client's timeout ends the wait if the server's does not."""
    with pytest.raises(Unavailable):
        sleep_long(database)
    wait_until(lambda: database.why_not_ready() is None)


def sleep_long(database):
    with database.transaction() as connection:
        driver_of(connection).deadline = time.monotonic() + 0.1
        connection.execute(text("SELECT pg_sleep(60)"))


def test_no_statement_is_compiled_because_plans_are_switched_off(database):
    """PostgreSQL adds 10^10 to the cost of a disabled plan, and compiles expensive ones."""
    with database.read() as connection:
        assert "off" == connection.execute(text("SHOW jit")).scalar()


def test_settings_of_the_url_stay(engine):
    url = "postgresql://me@a,b/db?sslmode=verify-full&application_name=mine&options=-c%20x.y%3D1"
    parameters = psycopg.conninfo.conninfo_to_dict(conninfo_of(url))
    assert ("a,b", "verify-full", "mine") == (
        parameters["host"],
        parameters["sslmode"],
        parameters["application_name"],
    )
    options = str(parameters["options"])
    assert options.endswith("-c x.y=1")
    assert "statement_timeout" in options
