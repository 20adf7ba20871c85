"""The guarantees of the store to the use cases, on real tables."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from service.domain.codes import mint
from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    CodeSpaceExhausted,
    NoCodesLeft,
    Unavailable,
)
from service.domain.model import Level, ReservationResult, State
from service.store.repositories.status import SQLStatus
from service.store.transaction import SQLTransaction
from service.usecases import codes as codes_usecase
from tests.store.repositories.adding import NOW, add, fixed
from tests.support.creating import add_codes
from tests.support.engines import on_sqlite


def count_rows(database):
    """Count codes by state from the rows themselves."""
    with database.read() as connection:
        rows = connection.execute(text("SELECT state, count(*) FROM code GROUP BY state"))
        return {State(state): 0 for state in State} | {State(state): n for state, n in rows}


class TestAddingCodes:
    def test_the_first_codes_make_brand_and_campaign(self, store):
        add(store, "AAAA")
        assert "brand" == store.brand("brand", NOW).brand.name
        assert NOW == store.campaign("brand", "default").campaign.created_at

    def test_only_default_is_made(self, store):
        with pytest.raises(BrandNotFound):
            add_codes(store, "brand", "summer", 1, mint, NOW)
        add(store, "AAAA")
        with pytest.raises(CampaignNotFound):
            add_codes(store, "brand", "summer", 1, mint, NOW)

    def test_collisions_are_topped_up(self, store, database):
        """Existing codes, and duplicates within a batch, do not fail the call."""
        add(store, "AAAA", "BBBB")
        added, _ = add_codes(
            store, "brand", "default", 3, fixed("AAAA", "CCCC", "CCCC", "BBBB", "DDDD", "EEEE"), NOW
        )
        assert ["CCCC", "DDDD", "EEEE"] == sorted(added)
        assert 5 == count_rows(database)[State.AVAILABLE]

    def test_calls_that_share_a_transaction_each_get_their_own_error(self, store, database):
        add(store, "AAAA")
        add(store, "AAAA", brand="other")
        with database.transaction() as connection:

            def add_to(brand, count, *codes):
                tx = SQLTransaction(connection, database.reserve, fixed(*codes), NOW)
                pool = tx.pool_for_codes(brand, "default")
                return codes_usecase.add_codes(tx, pool, count)

            some = add_to("brand", 2, "AAAA", "CCCC", "BBBB")
            more = add_to("other", 2, "CCCC", "AAAA", "DDDD")
            rest = add_to("brand", 1, "CCCC", "BBBB", "EEEE")
        expected = [["BBBB", "CCCC"], ["CCCC", "DDDD"], ["EEEE"]]
        assert expected == [sorted(codes) for codes in (some, more, rest)]

    def test_the_same_code_may_belong_to_two_brands(self, store):
        add(store, "AAAA")
        add(store, "AAAA", brand="other")
        assert 1 == store.brand("other", NOW).counts[State.AVAILABLE]

    def test_codes_are_case_sensitive(self, store):
        assert ["AAAA", "aaaa"] == sorted(add(store, "AAAA", "aaaa"))

    def test_a_space_of_codes_that_is_full_ends_the_call(self, store, database):
        """The call fails instead of searching for a new code for ever, under the write lock."""
        add(store, "AAAA")
        with pytest.raises(CodeSpaceExhausted):
            add_codes(store, "brand", "default", 1, lambda count: ["AAAA"] * count, NOW)
        assert 1 == count_rows(database)[State.AVAILABLE]

    def test_all_or_nothing(self, store, database):
        """A failure in the middle leaves neither codes nor the brand."""

        def failing(count):
            if count == 3:
                return ["AAAA", "AAAA", "BBBB"]
            raise RuntimeError

        with pytest.raises(RuntimeError):
            add_codes(store, "brand", "default", 3, failing, NOW)
        with pytest.raises(BrandNotFound):
            store.brand("brand", NOW)
        assert 0 == sum(count_rows(database).values())

    def test_many_threads_make_one_brand(self, store):
        with ThreadPoolExecutor(8) as pool:
            batches = list(
                pool.map(lambda _: add_codes(store, "new", "default", 5, mint, NOW)[0], range(16))
            )
        codes = [code for batch in batches for code in batch]
        assert 80 == len(set(codes)) == store.brand("new", NOW).counts[State.AVAILABLE]
        assert 1 == len(store.brands(None, None, 10).items)


class TestReserving:
    def test_the_same_user_gets_the_same_code(self, store):
        add(store, "AAAA", "BBBB")
        first = store.reserve("brand", "default", "user", NOW)
        assert first.new
        repeated = store.reserve("brand", "default", "user", NOW + 1)
        assert ReservationResult(first.reservation, new=False) == repeated
        assert first.reservation == store.find_reservation("brand", "default", "user", NOW)

    def test_two_users_get_two_codes(self, store):
        add(store, "AAAA", "BBBB")
        codes = {
            store.reserve("brand", "default", user, NOW).reservation.code for user in ("u1", "u2")
        }
        assert {"AAAA", "BBBB"} == codes

    def test_an_empty_pool_refuses_new_users_and_keeps_old_ones(self, store):
        add(store, "AAAA")
        held = store.reserve("brand", "default", "u1", NOW).reservation
        with pytest.raises(NoCodesLeft):
            store.reserve("brand", "default", "u2", NOW)
        assert ReservationResult(held, new=False) == store.reserve("brand", "default", "u1", NOW)
        assert store.find_reservation("brand", "default", "u2", NOW) is None

    def test_what_is_missing_is_named(self, store):
        for call in (store.find_reservation, store.reserve):
            with pytest.raises(BrandNotFound):
                call("brand", "default", "user", NOW)
        add(store, "AAAA")
        for call in (store.find_reservation, store.reserve):
            with pytest.raises(CampaignNotFound):
                call("brand", "summer", "user", NOW)

    def test_names_are_compared_code_point_by_code_point(self, store):
        """Composed and decomposed é are different users, as are a and A."""
        add(store, "AAAA", "BBBB", "CCCC", "DDDD")
        users = ["\u00e9", "e\u0301", "a", "A"]
        codes = {store.reserve("brand", "default", user, NOW).reservation.code for user in users}
        assert 4 == len(codes)

    def test_racing_threads_share_a_pool_without_a_double(self, store, database):
        """Sixteen threads, each asking for all of 60 users in another order, for 40 codes."""
        add_codes(store, "brand", "default", 40, mint, NOW)
        start = threading.Barrier(16)

        def ask(turn):
            start.wait()
            answers = {}
            for number in range(60):
                user = f"user{(number * 7 + turn * 11) % 60}"
                try:
                    answers[user] = store.reserve("brand", "default", user, NOW).reservation.code
                except NoCodesLeft:
                    answers[user] = None
            return answers

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(ask, range(16)))
        holders = {user: code for some in answers for user, code in some.items() if code}
        assert 40 == len(holders) == len(set(holders.values()))
        for some in answers:
            for user, code in some.items():
                assert code in {None, holders.get(user)}
        assert 40 == count_rows(database)[State.RESERVED]


class TestCounts:
    def test_counts_are_what_is_there(self, store, database):
        add_codes(store, "brand", "default", 20, mint, NOW)
        for number in range(7):
            store.reserve("brand", "default", f"user{number}", NOW)
        assert count_rows(database) == store.brand("brand", NOW).counts
        assert count_rows(database) == store.campaign("brand", "default").counts
        assert [Level("brand", "default", 13, 7)] == list(SQLStatus(database).levels().shown)

    def test_counting_reads_no_codes(self, store, database, plans):
        """The cost does not depend on the number of codes: only the tally is read."""
        add(store, "AAAA")
        with plans() as steps:
            store.brand("brand", NOW)
            store.campaign("brand", "default")
            SQLStatus(database).levels()
        assert steps
        assert not [step for step in steps if re.search(r"\bcode\b", step)]

    @on_sqlite
    def test_a_tally_below_zero_is_refused(self, store, database):
        add(store, "AAAA")
        with pytest.raises(Exception, match="CHECK"), database.transaction() as connection:
            connection.execute(text("UPDATE tally SET available = -1"))


class TestLookingUp:
    def test_what_is_missing_is_named(self, store):
        with pytest.raises(BrandNotFound):
            store.require_campaign("brand", "default")
        add(store, "AAAA")
        store.require_campaign("brand", "default")
        with pytest.raises(CampaignNotFound):
            store.require_campaign("brand", "summer")
        with pytest.raises(BrandNotFound):
            store.campaigns("other", None, 10)
        with pytest.raises(BrandNotFound):
            store.codes("other", "default", None, None, 10, NOW)


class TestConstraints:
    """The database refuses what faulty code above it might do."""

    @pytest.mark.parametrize(
        "damage",
        [
            "UPDATE code SET user_id = 'u1', reserved_at = 1, state = 'reserved'",
            "UPDATE code SET state = 'reserved' WHERE state = 'available'",
            "UPDATE code SET state = 'lost' WHERE state = 'available'",
            "UPDATE code SET state = 'available' WHERE state = 'reserved'",
            "UPDATE code SET user_id = NULL WHERE state = 'reserved'",
            "UPDATE code SET campaign_id = 7",
            "UPDATE code SET code = 'AAAA'",
            "INSERT INTO brand (name, created_at) VALUES ('brand', 1)",
            "DELETE FROM campaign",
            "DELETE FROM brand",
        ],
    )
    def test_damage_is_refused(self, store, database, damage):
        add(store, "AAAA", "BBBB")
        store.reserve("brand", "default", "u1", NOW)
        with pytest.raises(IntegrityError), database.transaction() as connection:
            connection.execute(text(damage))


@on_sqlite
def test_a_database_that_stays_locked_is_unavailable(store, database, monkeypatch):
    """A writer that never ends makes other calls fail soon, instead of waiting."""
    add(store, "AAAA")
    monkeypatch.setattr("service.store.sqlite.connections.BUSY_TIMEOUT_S", 0)
    store.close()  # connections opened from here on wait no longer
    with database.transaction(), pytest.raises(Unavailable):
        store.reserve("brand", "default", "user", NOW)
    assert store.find_reservation("brand", "default", "user", NOW) is None


@on_sqlite
def test_reads_that_fail_leave_no_connection_behind(database):
    """A lasting fault must not use up the file descriptors of a process."""
    with pytest.raises(Unavailable):
        database.row("SELECT * FROM nothing", {})
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(Unavailable):
            database.row("SELECT * FROM nothing", {})
    assert before >= len(list(Path("/dev/fd").iterdir()))
    assert (1,) == database.row("SELECT 1", {})
