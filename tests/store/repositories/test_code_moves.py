"""Moves of codes, which happen only if nobody else was first, with either engine."""

import sqlite3
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text

from service.domain.campaigns import OnLapse, Rules
from service.domain.errors import BrandNotFound, CampaignNotFound, CodeNotFound
from service.domain.model import State
from service.domain.redeeming import Order
from service.domain.redemptions import Redemption
from service.domain.states import DisabledBy, Hold, StoredCode
from service.store.opening import code_moves_in
from service.store.repositories import code_states
from service.usecases.ports.code_moves import Move
from service.usecases.redemptions import redeem
from tests.store.repositories.adding import NOW, add, fixed
from tests.support.creating import add_codes

MINE = StoredCode(user="u", reserved_at=NOW, version=1)
EVERYTHING = StoredCode(
    user="u",
    reserved_at=1,
    expires_at=2,
    on_lapse=OnLapse.RECYCLE,
    redeemed_at=3,
    disabled_at=4,
    disabled_by=DisabledBy.ERASURE,
    hold=Hold("order", 5, 6),
    version=1,
)


@pytest.fixture
def moves(database):
    return code_moves_in(database)


def held(store, moves, user="u"):
    """Reserve a code for a user, and return it as it is found."""
    add(store, f"CODE{len(user)}")
    store.reserve("brand", "default", user, NOW)
    return moves.find_code_of_user("brand", "default", user)


def counts(store):
    return {state: n for state, n in store.campaign("brand", "default").counts.items() if n}


def test_a_code_is_found_with_its_rules(store, moves):
    found = held(store, moves)
    assert found == moves.find_code("brand", found.code)
    assert replace(MINE, version=found.stored.version) == found.stored
    assert ("default", Rules(), None) == (found.campaign, found.rules, found.redemption)
    assert moves.find_code_of_user("brand", "default", "another") is None


def test_what_does_not_exist_is_named(store, moves):
    add(store, "CODE")
    with pytest.raises(BrandNotFound):
        moves.find_code("other", "CODE")
    with pytest.raises(CodeNotFound):
        moves.find_code("brand", "code")
    with pytest.raises(BrandNotFound):
        moves.find_code_of_user("other", "default", "u")
    with pytest.raises(CampaignNotFound):
        moves.find_code_of_user("brand", "summer", "u")


def test_everything_is_stored(store, moves):
    found = held(store, moves)
    assert moves.move_code(found, Move(EVERYTHING), NOW)
    moved = moves.find_code("brand", found.code).stored
    assert replace(EVERYTHING, version=found.stored.version + 1) == moved
    assert {State.REDEEMED: 1} == counts(store)


def test_the_second_of_two_moves_finds_another_version(store, moves):
    found = held(store, moves)
    assert moves.move_code(found, Move(replace(found.stored, disabled_at=NOW)), NOW)
    assert not moves.move_code(found, Move(replace(found.stored, redeemed_at=NOW)), NOW)
    assert {State.DISABLED: 1} == counts(store)


def test_a_move_under_other_rules_does_nothing(store, moves):
    found = held(store, moves)
    rules = Rules(paused=True)
    store.write(lambda tx: tx.set_rules(found.pool, rules), NOW)
    assert not moves.move_code(found, Move(StoredCode()), NOW)
    assert rules == moves.find_code("brand", found.code).rules


def test_a_reference_redeems_once(store, moves):
    found = held(store, moves)
    redeemed = replace(found.stored, redeemed_at=NOW)
    done = Redemption("order", "u", NOW)
    assert moves.move_code(found, Move(redeemed, done), NOW)
    found = moves.find_code("brand", found.code, "order")
    assert done == found.redemption
    undone = replace(done, undone_at=NOW + 1)
    assert moves.move_code(found, Move(replace(redeemed, redeemed_at=None), undone), NOW)
    found = moves.find_code("brand", found.code, "order")
    assert undone == found.redemption
    assert found.stored.redeemed_at is None
    assert not moves.refuse_reference(found, "order", NOW)


def test_a_refused_reference_and_a_redemption_in_flight_meet(store, moves):
    found = held(store, moves)
    assert moves.refuse_reference(found, "order", NOW)
    redeemed = replace(found.stored, redeemed_at=NOW)
    assert not moves.move_code(found, Move(redeemed, Redemption("order", "u", NOW)), NOW)
    assert {State.RESERVED: 1} == counts(store)
    assert moves.move_code(found, Move(redeemed, Redemption("another", "u", NOW)), NOW)


def test_a_new_holder_has_no_other_code(store, moves):
    held(store, moves)
    add(store, "FREE")
    free = moves.find_code("brand", "FREE")
    taken = Move(StoredCode(user="u", reserved_at=NOW))
    assert not moves.move_code(free, taken, NOW)
    assert not moves.move_code(free, Move(replace(MINE, user="v"), absent=("x", "u")), NOW)
    assert {State.RESERVED: 1, State.AVAILABLE: 1} == counts(store)
    assert moves.move_code(free, Move(replace(MINE, user="v"), absent=("x",)), NOW)


def test_what_no_code_can_be_is_an_error(store, moves):
    """It is a bug, and not another call that was first."""
    found = held(store, moves)
    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.CheckViolation)):
        moves.move_code(found, Move(replace(MINE, reserved_at=None)), NOW)
    assert {State.RESERVED: 1} == counts(store)


def test_a_redemption_is_a_read_and_a_write(store, moves, database, monkeypatch, engine):
    """On PostgreSQL, each is one round trip; on SQLite, the write is one job of a batch."""
    code = held(store, moves).code
    calls: list[str] = []
    for name in {"sqlite": ("row", "write"), "postgresql": ("one",)}[engine]:
        original = getattr(database, name)

        def count(*arguments, name=name, original=original):
            calls.append(name)
            return original(*arguments)

        monkeypatch.setattr(database, name, count)
    assert redeem(moves, "brand", code, Order("order", "u"), clock=lambda: NOW).new
    assert calls == {"sqlite": ["row", "write"], "postgresql": ["one", "one"]}[engine]


TIMES = (None, NOW - 1, NOW, NOW + 1)
FACTS = [
    StoredCode(user, NOW if user else None, end, on_lapse, redeemed_at, disabled_at, None, hold)
    for user in (None, "u")
    for end in (TIMES if user else (None,))
    for on_lapse in (OnLapse if user else (OnLapse.EXPIRE,))
    for redeemed_at in ((None, 5) if user else (None,))
    for disabled_at in (None, 5)
    for hold in ((None, Hold("o", 1, NOW), Hold("o", 1, NOW + 1)) if user else (None,))
]
NAMES = [f"FACT{n:03}" for n in range(len(FACTS))]


def test_the_states_are_those_of_the_domain(store, moves, database):
    """Each combination of facts, as SQL and as the domain judges it."""
    add_codes(store, "brand", "default", len(FACTS), fixed(*NAMES), NOW)
    found = moves.find_code("brand", NAMES[0])
    facts = [replace(each, user=each.user and f"u{n}") for n, each in enumerate(FACTS)]
    for name, each in zip(NAMES, facts, strict=True):
        assert moves.move_code(found._replace(code=name), Move(each), NOW)
    for ends_at in TIMES:
        rules = Rules(ends_at=ends_at)
        store.write(lambda tx, rules=rules: tx.set_rules(found.pool, rules), NOW)
        expected = {
            name: as_judged(found._replace(stored=each, rules=rules))
            for name, each in zip(NAMES, facts, strict=True)
        }
        assert expected == in_sql(database)


def as_judged(found):
    """Return what the domain says of a code."""
    lapsed = found.stored.has_lapsed(NOW)
    reserved_at = None if lapsed else found.stored.reserved_at
    return found.state(NOW), reserved_at, found.expires_at(NOW)


def in_sql(database):
    """Return what the database says of all codes."""
    columns = f"{code_states.STATE}, {code_states.RESERVED_AT}, {code_states.EXPIRES_AT}"
    statement = text(
        f"SELECT code.code, {columns} FROM code JOIN campaign "
        "ON campaign.brand_id = code.brand_id AND campaign.id = code.campaign_id"
    )
    with database.read() as connection:
        rows = connection.execute(statement, {"now": NOW}).all()
    return {code: (State(state), *moments) for code, state, *moments in rows}
