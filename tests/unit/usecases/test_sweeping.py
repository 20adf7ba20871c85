"""The sweeper: rounds over all campaigns, each of which has its turn."""

import pytest

from service.usecases.keys import PoolKey
from service.usecases.ports.lapses import DuePool, DuePools, Lapsed
from service.usecases.sweeping import CODES_AT_ONCE, FIRST, Sweeper

NOW = 1_000_000
PARTS = [PoolKey(1, 1), PoolKey(1, 2), PoolKey(2, 1)]


class Lapses:
    """Campaigns with so many due codes, of which two are searched at once."""

    def __init__(self, **due):
        self.due_codes = dict(zip(PARTS, due.values(), strict=False))
        self.searched, self.swept = [], []

    def due(self, after, now):
        self.searched.append(after)
        rest = [pool for pool in PARTS if pool > after]
        due = [DuePool(pool, now) for pool in rest[:2] if self.due_codes.get(pool)]
        return DuePools(due, rest[1] if len(rest) > 2 else None)

    def lapse(self, pool, _now, most):
        count = min(most, self.due_codes[pool])
        self.due_codes[pool] -= count
        self.swept.append((pool, count))
        return Lapsed(recycled=count)


class Observer:
    def __init__(self):
        self.codes, self.rounds = 0, 0

    def lapsed(self, codes):
        self.codes += sum(codes)

    def round_ended(self):
        self.rounds += 1


@pytest.fixture
def observer():
    return Observer()


def test_every_campaign_is_swept_in_turn(observer):
    lapses = Lapses(a=CODES_AT_ONCE + 1, b=2, c=3)
    sweeper = Sweeper(lapses, observer, interval_s=1e6)
    while sweeper.step(NOW):
        pass
    one, two, three = PARTS
    assert [(one, CODES_AT_ONCE), (two, 2), (one, 1), (three, 3)] == lapses.swept
    assert (CODES_AT_ONCE + 6, 1) == (observer.codes, observer.rounds)


def test_without_due_codes_a_round_only_searches_and_then_rests(observer):
    lapses = Lapses()
    sweeper = Sweeper(lapses, observer, interval_s=1e6)
    steps = [sweeper.step(NOW) for _ in range(9)]
    assert [True, True, *[False] * 7] == steps
    assert [FIRST, PARTS[1]] == lapses.searched
    assert (1, []) == (observer.rounds, lapses.swept)


def test_the_next_round_begins_anew(observer):
    lapses = Lapses(a=1)
    sweeper = Sweeper(lapses, observer, interval_s=0.0)
    for _ in range(4):
        sweeper.step(NOW)
    lapses.due_codes[PARTS[0]] = 5
    for _ in range(4):
        sweeper.step(NOW)
    assert 6 == observer.codes
