"""A user's codes over all campaigns, and their erasure beside claims, with either engine."""

import threading
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text

from service.domain.erasure import is_tombstone, tombstones_of
from service.domain.errors import UserErased
from service.domain.model import State
from service.domain.redemptions import Redemption
from service.store.opening import code_moves_in
from service.usecases.ports.code_moves import Move
from service.usecases.users import erase_user
from tests.store.repositories.adding import NOW, add
from tests.store.repositories.test_plans import costly
from tests.support.engines import on_postgresql
from tests.support.waiting import wait_until

KEY = "the erasure key of this test, long enough"
TOMBSTONES = tombstones_of(lambda: [KEY])
(TOMBSTONE,) = TOMBSTONES("brand", "user")


def reserve(store, user="user"):
    return store.reserve("brand", "default", user, NOW, TOMBSTONES).reservation.code


def erase(store, **options):
    erase_user(store, TOMBSTONES, "brand", "user", clock=lambda: NOW + 1, **options)


def users(database):
    with database.read() as connection:
        found = connection.execute(text("SELECT code, user_id FROM code WHERE user_id IS NOT NULL"))
        return {row.code: row.user_id for row in found}


def redeemers(database):
    with database.read() as connection:
        return connection.execute(text("SELECT user_id FROM redemption")).scalars().all()


@pytest.mark.own_database  # PostgreSQL's statistics change its plans
def test_a_page_is_a_range_of_the_key_of_claims(store, plans):
    add(store, "AAAA")
    reserve(store)
    for state in (None, *State):
        with plans() as steps:
            store.user_codes("brand", "user", state, 5, 100, NOW)
        assert any("code_by_user" in step for step in steps)
        assert not costly(steps)


@pytest.mark.own_database
def test_an_erasure_searches_indexes_alone(store, plans):
    add(store, "AAAA")
    reserve(store)
    with plans() as steps:
        erase(store)
    assert any("code_by_user" in step for step in steps)
    assert any("redemption_by_user" in step for step in steps)
    assert not costly(step for step in steps if "pg_stat" not in step)


def test_who_redeemed_and_undid_is_forgotten_too(store, database):
    """Also where the code is another's by now."""
    add(store, "AAAA")
    reserve(store)
    moves = code_moves_in(database)
    found = moves.find_code("brand", "AAAA", "order")
    redeemed = Redemption("order", "user", NOW)
    assert moves.move_code(found, Move(found.stored, redeemed), NOW)
    found = moves.find_code("brand", "AAAA", "order")
    undone = Redemption("order", "user", NOW, NOW)
    assert moves.move_code(found, Move(found.stored.nobodys(), undone), NOW)
    reserve(store, "another")
    erase(store)
    assert [TOMBSTONE] == redeemers(database)
    shown = moves.find_code("brand", "AAAA", "order").redemption
    assert replace(undone, user=None) == shown
    assert {"AAAA": "another"} == users(database)
    erase(store, forget=True)
    assert TOMBSTONE not in redeemers(database)
    assert all(map(is_tombstone, redeemers(database)))


def test_a_person_with_two_codes_of_a_campaign_is_erased(store, database):
    """After their key was away for a while, and came back."""
    add(store, "AAAA", "BBBB")
    reserve(store)
    erase(store)
    other = tombstones_of(lambda: ["another key, which was used meanwhile"])
    store.reserve("brand", "default", "user", NOW, other)
    erase(store)
    assert {TOMBSTONE} < set(users(database).values())
    assert all(map(is_tombstone, users(database).values()))


def test_claims_and_erasures_at_once(store, database):
    """Whoever is first: a user has one code at most, and none once a tombstone is there."""
    add(store, *(f"CODE{number}" for number in range(12)))
    answers = []

    def claim():
        for _ in range(4):
            try:
                answers.append(reserve(store))
            except UserErased:
                answers.append(None)

    threads = [threading.Thread(target=claim) for _ in range(3)]
    for thread in threads:
        thread.start()
    erase(store)
    for thread in threads:
        thread.join()
    erase(store)
    told = {code for code in answers if code}
    assert dict.fromkeys(told, TOMBSTONE) == users(database)
    assert 1 == len(told)
    with pytest.raises(UserErased):
        reserve(store)


@on_postgresql
def test_it_waits_for_a_statement_that_has_not_seen_the_users_code(store, database, database_url):
    """Else that could claim a second code, once the first does not have the user's name any more.

    The statement is like that of a claim, which stops between its snapshot and its write.
    """
    add(store, "AAAA", "BBBB")
    with database.transaction() as connection:
        connection.execute(text("UPDATE code SET state = 'disabled' WHERE code = 'BBBB'"))
    violations: list[psycopg.Error] = []
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(1)")
        claim = threading.Thread(target=claim_late, args=(database_url, violations))
        claim.start()
        wait_until(lambda: other.execute(WAITS).fetchone())
        reserve(store)
        erasure = threading.Thread(target=erase, args=(store,))
        erasure.start()
        wait_until(lambda: other.execute(LOOKS_FOR_OTHERS).fetchone(), "it does not wait")
        other.execute("SELECT pg_advisory_unlock(1)")
        claim.join()
        erasure.join()
    assert violations
    assert {"AAAA": TOMBSTONE} == users(database)


WAITS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted"
LOOKS_FOR_OTHERS = """
    SELECT 1 FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND query LIKE '%pg_blocking_pids%' AND xact_start IS NOT NULL
"""
CLAIM_LATE = """
    WITH held AS MATERIALIZED (
        SELECT count(*) AS codes FROM code WHERE user_id IN ('user', %s)
    ), stop AS MATERIALIZED (SELECT codes, pg_advisory_lock_shared(1) FROM held)
    UPDATE code SET state = 'reserved', user_id = 'user', reserved_at = 1
    WHERE code = 'BBBB' AND (SELECT codes FROM stop) = 0
"""


def claim_late(url, violations):
    with psycopg.connect(url, application_name="discount") as connection:
        try:
            connection.execute(CLAIM_LATE, [TOMBSTONE])
        except psycopg.errors.UniqueViolation as violation:
            violations.append(violation)
