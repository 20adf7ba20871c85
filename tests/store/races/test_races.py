"""Races of two calls on one code: who commits first wins, and the other hears the state."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from service.domain.campaigns import OnRelease, Rules
from service.domain.code_refusals import AlreadyHolds, CodeHeld, CodeRedeemed, RedemptionUndone
from service.domain.errors import NoCodesLeft, ServiceError
from service.domain.model import State
from service.settings import HOME
from service.store.opening import code_moves_in
from service.usecases.redemptions import Undo
from tests.store.races.rows import ANYONE, LAPSING, LATER, ROWS, hold, redeem, table
from tests.store.races.shop import CODE, OTHER, POOL, InterruptedMoves, Shop
from tests.store.repositories.adding import add

THREADS, CALLS = 4, 12
FREE = ("AAAA", "BBBB", "CCCC")


@pytest.fixture
def moves(database):
    return code_moves_in(database)


@pytest.fixture
def shop(store, moves):
    return Shop(store, moves)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.first} - {row.second}")
def test_who_commits_first_wins(shop, row):
    shop.begin(row.rules)
    row.before(shop)
    others = Shop(shop.store, shop.moves)
    interrupted = InterruptedMoves(shop.moves, [lambda: row.first_act(others)])
    late = Shop(shop.store, interrupted)
    if isinstance(row.hears, type):
        with pytest.raises(row.hears) as refusal:
            row.second_act(late)
        assert isinstance(refusal.value, ServiceError)
        assert refusal.value.members.get("state") in {None, shop.state()}
    else:
        assert row.hears == row.second_act(late)
    assert [] == interrupted.before_write, "the second had read before the first wrote"
    assert row.state is shop.state()
    shop.check()


@pytest.mark.parametrize("first", [redeem(), hold()])
def test_what_is_redeemed_or_held_does_not_lapse(shop, first):
    """Neither for the sweeper nor for a claim in a scarce pool, which lets codes lapse."""
    shop.begin(LAPSING)
    shop.reserve("w")
    first(shop)
    shop.now = LATER
    assert OTHER == shop.reserve("v"), "the one that w had"
    with pytest.raises(NoCodesLeft):
        shop.reserve("x")
    assert "u" == shop.moves.find_code("brand", CODE).stored.user
    shop.check()


def test_the_documented_table_is_the_tested_one():
    assert table() in (HOME / "docs/races.md").read_text()


def test_nothing_is_lost_when_all_call_at_once(shop, database):
    shop.begin(Rules(on_release=OnRelease.RECYCLE))
    version = shop.moves.find_code("brand", CODE).stored.version
    shop.moves = counting = CountingMoves(shop.moves)

    def call(seed):
        for number in range(CALLS):
            reference = f"{seed}.{number}" if number % 4 else f"shared {number}"
            for act in (shop.hold, shop.redeem, shop.undo, shop.end_hold):
                with suppress(CodeHeld, CodeRedeemed, NoCodesLeft, RedemptionUndone):
                    counting.seen.append((act.__name__, act(reference)))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(call, range(THREADS)))
    seen = Counter(counting.seen)
    assert seen["redeem", True] == seen["undo", Undo.UNDONE] > 0
    assert 0 == standing(database)
    found = shop.moves.find_code("brand", CODE)
    assert (State.RESERVED, "u") == (shop.state(), found.stored.user)
    assert version + len(counting.moved) == found.stored.version, "each move is one version"
    shop.check()


def test_who_redeems_at_once_as_anyone_gets_one_code_each(shop, store):
    """Four users, each of whom tries all three codes."""
    add(store, *FREE)
    shop.set_rules(ANYONE)

    def shopping(user):
        redeemed = []
        for code in FREE:
            with suppress(AlreadyHolds, CodeRedeemed):
                redeemed += [code] * shop.redeem(f"order of {user}", user, code)
        return redeemed

    with ThreadPoolExecutor(THREADS) as pool:
        got = list(pool.map(shopping, "uvwx"))
    assert [0, 1, 1, 1] == sorted(map(len, got))
    assert [*FREE] == sorted(code for codes in got for code in codes)
    assert 3 == store.campaign(*POOL).counts[State.REDEEMED]


class CountingMoves(InterruptedMoves):
    """Moves of codes, which are counted."""

    def __init__(self, moves):
        super().__init__(moves)
        self.seen = []
        self.moved = []

    def move_code(self, found, move, now):
        moved = super().move_code(found, move, now)
        self.moved += [moved] * moved  # appending is atomic, adding is not
        return moved


def standing(database):
    """Return the number of redemptions that were not undone."""
    with database.read() as connection:
        statement = "SELECT count(*) FROM redemption WHERE undone_at IS NULL"
        return connection.exec_driver_sql(statement).scalar()
