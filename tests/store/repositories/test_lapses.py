"""Lapses of reservations that have ended by themselves, with either engine."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from service.domain.campaigns import OnLapse, Rules
from service.domain.errors import CampaignNotOpen
from service.domain.model import State
from service.domain.states import Hold
from service.store.opening import code_moves_in, lapses_in
from service.store.repositories.lapses import due_pools
from service.store.repositories.sweeper_lag import SweeperLag
from service.usecases.keys import PoolKey
from service.usecases.ports.code_moves import Move
from service.usecases.ports.lapses import Lapsed
from service.usecases.sweeping import FIRST
from tests.store.repositories.adding import NOW, add

TTL_S = 60
END = NOW + TTL_S * 1000
RULES = {
    OnLapse.RECYCLE: Rules(reservation_ttl_s=TTL_S, on_lapse=OnLapse.RECYCLE),
    OnLapse.EXPIRE: Rules(reservation_ttl_s=TTL_S),
}


@pytest.fixture
def lapses(database):
    return lapses_in(database)


@pytest.fixture
def moves(database):
    return code_moves_in(database)


@pytest.fixture
def held(store):
    """Let users reserve all codes of a campaign, under its rules."""

    def held(on_lapse, *users, brand="brand"):
        add(store, *(f"CODE-{user}" for user in users), brand=brand)
        keys = store.write(lambda tx: tx.campaign(brand, "default"), NOW)
        store.write(lambda tx: tx.set_rules(keys, RULES[on_lapse]), NOW)
        for user in users:
            store.reserve(brand, "default", user, NOW)
        return keys

    return held


def stored(moves, user="u1"):
    found = moves.find_code_of_user("brand", "default", user)
    return found and (found.counted_as, found.stored)


def counts(store):
    return {state: n for state, n in store.campaign("brand", "default").counts.items() if n}


def test_recycled_codes_are_nobodys(store, lapses, moves, held):
    pool = held(OnLapse.RECYCLE, "u1", "u2")
    code = moves.find_code_of_user("brand", "default", "u1").code
    before = moves.find_code("brand", code)
    assert moves.move_code(before, Move(replace(before.stored, hold=Hold("o", NOW, END))), NOW)
    before = moves.find_code("brand", code).stored
    assert Lapsed() == lapses.lapse(pool, END - 1, 9)
    assert Lapsed(recycled=2) == lapses.lapse(pool, END, 9)
    after = moves.find_code("brand", code)
    assert replace(before.nobodys(), version=before.version + 1) == after.stored
    assert State.AVAILABLE is after.counted_as
    assert {State.AVAILABLE: 2} == counts(store)
    assert Lapsed() == lapses.lapse(pool, END, 9)


def test_expired_codes_stay_their_users(store, lapses, moves, held):
    pool = held(OnLapse.EXPIRE, "u1")
    _, before = stored(moves)
    assert Lapsed(expired=1) == lapses.lapse(pool, END, 9)
    assert (State.EXPIRED, replace(before, version=before.version + 1)) == stored(moves)
    assert {State.EXPIRED: 1} == counts(store)
    answer = store.reserve("brand", "default", "u1", END)
    assert (State.EXPIRED, END, False) == (
        answer.reservation.state,
        answer.reservation.expires_at,
        answer.new,
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"hold": Hold("order", NOW, END + 1)},
        {"redeemed_at": NOW},
        {"disabled_at": NOW},
        {"expires_at": None},
        {"expires_at": END + 1},
    ],
)
def test_what_is_not_due_stays(lapses, moves, held, facts):
    pool = held(OnLapse.RECYCLE, "u1")
    found = moves.find_code_of_user("brand", "default", "u1")
    assert moves.move_code(found, Move(replace(found.stored, **facts)), NOW)
    before = stored(moves)
    assert Lapsed() == lapses.lapse(pool, END, 9)
    assert before == stored(moves)


def test_a_step_takes_those_that_were_due_first(store, lapses, moves, held):
    pool = held(OnLapse.RECYCLE, *(f"u{number}" for number in range(5)))
    found = moves.find_code_of_user("brand", "default", "u3")
    assert moves.move_code(found, Move(replace(found.stored, expires_at=NOW)), NOW)
    assert 1 == sum(lapses.lapse(pool, END, 1))
    assert stored(moves, "u3") is None
    assert 4 == sum(lapses.lapse(pool, END, 4))
    assert {State.AVAILABLE: 5} == counts(store)


def test_many_sweepers_and_claims_lose_and_double_nothing(store, lapses, held):
    users = [f"u{number:02}" for number in range(30)]
    pool = held(OnLapse.RECYCLE, *users)

    def claim(number):
        if number % 2:
            return sum(lapses.lapse(pool, END, 3)), None
        user = f"u{number:02}"  # half of them hold a lapsed one
        result = store.reserve("brand", "default", user, END)
        return 0, (user, result.reservation.code, result.new)

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(claim, range(40)))
    claims = [claimed for _, claimed in done if claimed]
    assert 20 == len(claims) == len({code for _, code, _ in claims})
    assert all(new for *_, new in claims)
    while any(lapses.lapse(pool, END, 100)):
        pass
    assert {State.RESERVED: 20, State.AVAILABLE: 10} == counts(store)


def test_a_paused_campaign_is_swept_too(store, lapses, held):
    pool = held(OnLapse.RECYCLE, "u1")
    paused = replace(RULES[OnLapse.RECYCLE], paused=True)
    store.write(lambda tx: tx.set_rules(pool, paused), NOW)
    assert Lapsed(recycled=1) == lapses.lapse(pool, END, 9)
    with pytest.raises(CampaignNotOpen):
        store.reserve("brand", "default", "u1", END)


def test_all_campaigns_are_searched_in_parts(database, held):
    keys = [held(OnLapse.RECYCLE, "u1", brand=f"brand{number}") for number in range(5)]
    found: list[PoolKey] = []
    after: PoolKey | None = FIRST
    while after is not None:
        with database.read() as connection:
            part = due_pools(connection, after, END + 7, most=2)
        found += [each.pool for each in part.pools]
        assert {END} >= {each.since for each in part.pools}
        after = part.next
    assert sorted(keys) == found


def test_the_lag_is_that_of_the_code_that_was_due_first(database, held, moves):
    held(OnLapse.RECYCLE, "u1", "u2")
    lag = SweeperLag()
    found = moves.find_code_of_user("brand", "default", "u1")
    hold = Hold("order", NOW, END + 3000)
    assert moves.move_code(found, Move(replace(found.stored, hold=hold)), NOW)
    with database.read() as connection:
        assert 0.0 == lag.observe(connection, END - 1)
        assert 2.0 == lag.observe(connection, END + 2000)
    found = moves.find_code_of_user("brand", "default", "u2")
    assert moves.move_code(found, Move(replace(found.stored, redeemed_at=NOW)), NOW)
    with database.read() as connection:
        assert 0.0 == lag.observe(connection, END + 2999)
        assert 1.0 == lag.observe(connection, END + 4000)  # due since the end of the hold


@pytest.mark.own_database  # PostgreSQL's statistics change its plans
def test_the_cost_does_not_grow_with_the_codes(lapses, held, plans):
    """Both the search and a step read the index of ends, and otherwise single rows by key."""
    pool = held(OnLapse.RECYCLE, "u1")
    with plans() as steps:
        lapses.due(FIRST, END)
    used = [step for step in steps if re.search(r"code_\w+ ", step)]
    assert used
    assert all("code_due" in step for step in used)
    with plans() as steps:
        lapses.lapse(pool, END, 9)
    assert any("code_due" in step for step in steps)
    assert not [step for step in steps if re.search(r"^SCAN code|Seq Scan on code", step)]
