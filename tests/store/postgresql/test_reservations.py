"""Reservations on PostgreSQL: shared transactions, the last codes, places and tallies."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from service.domain.codes import mint
from service.domain.errors import NoCodesLeft
from service.store.postgresql import reservations, tally
from service.store.postgresql.driver import driver_of
from service.store.postgresql.reservations import RESERVE
from tests.support.creating import add_codes
from tests.support.engines import on_postgresql

pytestmark = on_postgresql

NOW = 1_800_000_000_000


class TestSharedTransactions:
    """Reservations that queue up while the server is busy share one transaction."""

    @pytest.fixture
    def hold(self, store, database):
        """Reserve codes in a transaction that stays open until the block ends."""
        add_codes(store, "brand", "default", 50, mint, NOW)

        @contextmanager
        def hold(*users):
            with database.engine.connect() as connection, connection.begin() as holding:
                for user in users:
                    claim(connection, user)
                yield holding

        return hold

    @pytest.fixture
    def gathered(self, store, database, hold):
        """Reserve for users who share a transaction, as the previous one waits; then end that."""

        @contextmanager
        def gathered(*users):
            with ThreadPoolExecutor(1 + len(users)) as pool, hold("first") as holding:
                pool.submit(store.reserve, "brand", "default", "first", NOW)
                until_blocked(database, 1)
                asked = [pool.submit(store.reserve, "brand", "default", u, NOW) for u in users]
                while database.waiting_writes < len(users):
                    time.sleep(0.001)
                holding.rollback()
                yield asked

        return gathered

    def test_they_share_one(self, gathered, database):
        with gathered(*(f"u{number}" for number in range(30))) as asked:
            assert 30 == len({each.result().reservation.code for each in asked})
        with database.read() as connection:
            found = "SELECT count(*), count(DISTINCT xmin::text) FROM code WHERE user_id LIKE 'u%'"
            assert (30, 1) == connection.execute(text(found)).one()

    def test_one_user_who_asks_twice_gets_one_code(self, gathered):
        with gathered("u1", "u2", "u1", "u1") as asked:
            results = [each.result() for each in asked]
        one, other, two, three = (each.reservation.code for each in results)
        assert one == two == three != other
        assert [False, False, True, True] == sorted(each.new for each in results)

    def test_a_key_that_stands_against_one_harms_no_other(self, gathered, hold, database):
        """Another transaction reserves for a user, and commits while the shared one waits."""
        with hold("u2") as holding, gathered("u1", "u2", "u3") as asked:
            until_blocked(database, 1)
            holding.commit()
            results = [each.result() for each in asked]
        assert [True, False, True] == [each.new for each in results]


def claim(connection, user):
    values = {"brand": "brand", "campaign": "default", "user": user, "now": NOW, "probe": 0}
    assert 1 == driver_of(connection).execute(RESERVE, values).rowcount


def until_blocked(database, count):
    """Wait until that many sessions wait for a lock."""
    waiting = """
        SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()
    """
    deadline = time.monotonic() + 10
    with database.read() as connection:
        while connection.execute(text(waiting)).scalar_one() != count:
            assert time.monotonic() < deadline
            time.sleep(0.01)


class TestLastCodes:
    def test_codes_that_others_are_claiming_are_not_gone(self, store, database):
        """A caller that finds the last code locked waits for the outcome."""
        add_codes(store, "brand", "default", 1, mint, NOW)
        claimed, give_up = threading.Event(), threading.Event()

        def claim_and_give_up():
            with database.engine.connect() as connection, connection.begin() as claiming:
                claim(connection, "u1")
                claimed.set()
                give_up.wait(10)
                claiming.rollback()

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(claim_and_give_up)
            assert claimed.wait(10)
            second = pool.submit(store.reserve, "brand", "default", "u2", NOW)
            time.sleep(0.2)
            assert not second.done()
            give_up.set()
            first.result()
            assert second.result().new

    def test_none_is_left_only_when_the_last_is_committed(self, store):
        add_codes(store, "brand", "default", 1, mint, NOW)
        store.reserve("brand", "default", "u1", NOW)
        with pytest.raises(NoCodesLeft):
            store.reserve("brand", "default", "u2", NOW)


class TestPlaces:
    """The claims of a process go through a pool from neighbour to neighbour."""

    def test_each_claim_takes_the_next_and_goes_round_until_all_are_taken(
        self, store, database, monkeypatch
    ):
        monkeypatch.setattr(reservations, "MOVE_EVERY", 2**40)
        add_codes(store, "brand", "default", 300, mint, NOW)
        for user in range(300):
            assert store.reserve("brand", "default", f"u{user:03}", NOW).new
        with database.read() as connection:
            found = "SELECT probe FROM code ORDER BY user_id"
            probes = connection.execute(text(found)).scalars().all()
        first = probes.index(min(probes))
        assert sorted(probes) == [*probes[first:], *probes[:first]]


class TestTally:
    def test_claims_share_no_row(self, store, database):
        """Each claim adds a row of its own, and waits for no other commit."""
        add_codes(store, "brand", "default", 3, mint, NOW)
        with database.transaction() as connection:  # an open transaction that has counted
            connection.execute(text("UPDATE tally SET available = available"))
            assert store.reserve("brand", "default", "user", NOW).new

    def test_rows_are_added_up_while_others_claim(self, store, database, monkeypatch):
        monkeypatch.setattr(tally, "FOLD_EVERY", 3)
        add_codes(store, "brand", "default", 400, mint, NOW)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: store.reserve("brand", "default", f"u{n}", NOW), range(300)))
        assert (100, 300) == tuple(store.brand("brand", NOW).counts.values())[:2]
        with database.read() as connection:
            rows = connection.execute(text("SELECT count(*) FROM tally")).scalar_one()
        assert rows < 100
