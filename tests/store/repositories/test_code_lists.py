"""Lists, exports and counts that follow the clock, although no row is written."""

from dataclasses import replace

import pytest

from service.domain.campaigns import OnLapse, Rules
from service.domain.model import State
from service.domain.states import DisabledBy, Hold, StoredCode
from service.store.opening import code_moves_in, lapses_in
from service.store.repositories.exports import SQLExports
from service.store.repositories.levels import PoolLevels
from service.usecases.ports.code_moves import Move
from tests.store.repositories.adding import NOW, fixed
from tests.support.creating import add_codes

PAST, LATER = NOW - 1, NOW + 1
RECYCLE = OnLapse.RECYCLE
FREE = StoredCode()
MINE = StoredCode(user="u", reserved_at=5)
CODES = {
    "FREE": FREE,
    "OFF": replace(FREE, disabled_at=5, disabled_by=DisabledBy.CALL),
    "MINE": MINE,
    "LATER": replace(MINE, expires_at=LATER, on_lapse=RECYCLE),
    "OVER": replace(MINE, expires_at=NOW),
    "LAPSED": replace(MINE, expires_at=PAST, on_lapse=RECYCLE),
    "HELD": replace(MINE, expires_at=PAST, hold=Hold("o", 5, LATER)),
    "HELD-TOO": replace(MINE, expires_at=PAST, on_lapse=RECYCLE, hold=Hold("o", 5, LATER)),
    "HELD-ON": replace(MINE, hold=Hold("o", 5, LATER)),
    "DEAD": replace(MINE, expires_at=PAST, hold=Hold("o", 5, NOW)),
    "USED": replace(MINE, expires_at=PAST, redeemed_at=6),
    "OFF-TOO": replace(MINE, disabled_at=5, disabled_by=DisabledBy.RELEASE),
    "FREE-2": FREE,
    "LAPSED-2": replace(MINE, expires_at=NOW, on_lapse=RECYCLE),
}
ENDS = [None, LATER, NOW]


@pytest.fixture
def moves(database):
    return code_moves_in(database)


@pytest.fixture
def rule(store, moves):
    """Make the codes, and set the rules of their campaign."""
    for name, stored in CODES.items():
        add_codes(store, "brand", "default", 1, fixed(name), NOW)
        user = stored.user and f"user-{name}"
        found = moves.find_code("brand", name)
        assert moves.move_code(found, Move(replace(stored, user=user)), NOW)

    def rule(ends_at):
        pool = moves.find_code("brand", "FREE").pool
        store.write(lambda tx: tx.set_rules(pool, Rules(ends_at=ends_at)), NOW)
        return pool

    return rule


def expected(moves, state):
    """Return the codes that the domain says are in a state, as a list shows them."""
    found = [moves.find_code("brand", name) for name in CODES]
    return [shown(each) for each in found if state in {None, each.state(NOW)}]


def shown(found):
    stored = found.stored
    reserved_at = None if stored.has_lapsed(NOW) else stored.reserved_at
    moments = (found.created_at, reserved_at, found.expires_at(NOW), stored.redeemed_at)
    return (found.code, found.state(NOW), *moments, stored.version)


def walked(store, state, limit):
    """Read a list page by page."""
    after, more = None, True
    while more:
        page = store.codes("brand", "default", state, after, limit, NOW)
        for each in page.items:
            moments = (each.created_at, each.reserved_at, each.expires_at, each.redeemed_at)
            yield (each.code, each.state, *moments, each.version)
            after = each.code
        more = page.more


@pytest.mark.parametrize("ends_at", ENDS)
@pytest.mark.parametrize("swept", [False, True])
def test_lists_and_exports_show_the_states_of_now(
    store, moves, rule, database, engine, ends_at, swept
):
    pool = rule(ends_at)
    if swept:
        assert 4 == sum(lapses_in(database).lapse(pool, NOW, 9))
    in_order = list if engine == "sqlite" else sorted
    for state in (None, *State):
        rows = in_order(expected(moves, state))
        assert rows == list(walked(store, state, 2)) == list(walked(store, state, 100)), state
        with SQLExports(database).codes("brand", "default", state, NOW) as (_, parts):
            assert rows == [tuple(row[:7]) for part in parts for row in part], state


@pytest.mark.parametrize("ends_at", ENDS)
def test_counts_follow_the_end_of_a_campaign(store, moves, rule, database, ends_at):
    pool = rule(ends_at)
    lapses_in(database).lapse(pool, NOW, 9)
    counts = store.campaign("brand", "default").counts_at(NOW)
    assert counts == store.brand("brand", NOW).counts
    assert len(CODES) == sum(counts.values())
    by_state = {state: len(expected(moves, state)) for state in State}
    if ends_at == NOW:  # in counts alone, a held code has expired too
        by_state[State.EXPIRED] += by_state.pop(State.RESERVED)
        by_state[State.RESERVED] = 0
    assert by_state == counts


def test_a_brand_adds_up_campaigns_that_have_ended_and_others(store, moves, rule):
    rule(NOW)
    store.write(lambda tx: tx.insert_campaign("brand", "other"), NOW)
    add_codes(store, "brand", "other", 3, fixed("AAAA", "BBBB", "CCCC"), NOW)
    store.reserve("brand", "other", "u", NOW)
    ended = store.campaign("brand", "default").counts_at(NOW)
    counts = store.brand("brand", NOW).counts
    assert (2, 1) == (counts[State.AVAILABLE], counts[State.RESERVED])
    assert ended[State.EXPIRED] == counts[State.EXPIRED]


@pytest.mark.parametrize(("ends_at", "available"), [(LATER, 2), (NOW, 0)])
def test_an_ended_campaign_has_none_available(rule, database, ends_at, available):
    rule(ends_at)
    with database.read() as connection:
        levels = PoolLevels(9).observe(connection, NOW)
    (level,) = levels.shown
    assert (available, len(CODES) - available) == (level.available, level.taken)
    assert (available, len(CODES) - available) == (levels.available, levels.taken)
