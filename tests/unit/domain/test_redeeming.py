"""The rules of redemptions and holds: what is refused, in which order, and what is stored."""

from dataclasses import replace

import pytest

from service.domain.campaigns import OnLapse, RedeemBy, Rules
from service.domain.code_refusals import (
    AlreadyHolds,
    CodeDisabled,
    CodeExpired,
    CodeHeld,
    CodeRedeemed,
    NotReserved,
    NotTheHolder,
    NotYetValid,
    RedemptionUndone,
)
from service.domain.errors import CampaignNotOpen, ServiceError, UserErased
from service.domain.model import State
from service.domain.redeeming import (
    Claimant,
    CodeFacts,
    Order,
    hold,
    may_claim,
    redeem,
    redeems_by,
    undo,
)
from service.domain.redemptions import Redemption
from service.domain.states import DisabledBy, Hold, StoredCode

NOW = 1_000_000_000
DAY = 86_400_000
MINE = Order("order", "u")
HELD = StoredCode(user="u", reserved_at=1)
FREE = StoredCode()
RULES = Rules()
ANYONE = Rules(redeem_by=RedeemBy.ANYONE)
UNDONE = Redemption("order", "u", 1, 2)
LAPSED = replace(HELD, expires_at=NOW, on_lapse=OnLapse.RECYCLE)
THEIRS = Hold("another", NOW - 5, NOW + 1500)

WORST = CodeFacts(
    replace(
        HELD,
        user="v",
        redeemed_at=3,
        disabled_at=4,
        disabled_by=DisabledBy.CALL,
        hold=THEIRS,
        expires_at=NOW + 1,
    ),
    Rules(starts_at=NOW + 1),
    UNDONE,
)
"""Everything stands against it; each step below takes one reason away."""
STEPS = [
    (RedemptionUndone, lambda f: f._replace(redemption=None)),
    (CodeRedeemed, lambda f: with_stored(f, redeemed_at=None)),
    (CodeDisabled, lambda f: with_stored(f, disabled_at=None, disabled_by=None)),
    (CodeHeld, lambda f: with_stored(f, hold=None)),
    (NotTheHolder, lambda f: with_stored(f, user="u")),
    (NotYetValid, lambda f: f._replace(rules=Rules())),
    (None, lambda f: with_stored(f, expires_at=NOW)),
    (CodeExpired, None),
]
WORST_OF_NOBODY = CodeFacts(FREE, replace(ANYONE, paused=True, starts_at=NOW + 1))
STEPS_OF_NOBODY = [
    (UserErased, lambda f, _c: (f, Claimant(holds_another=True))),
    (CampaignNotOpen, lambda f, c: (f._replace(rules=replace(f.rules, paused=False)), c)),
    (AlreadyHolds, lambda f, _c: (f, Claimant())),
    (NotYetValid, lambda f, c: (f._replace(rules=ANYONE), c)),
    (None, lambda f, c: (f._replace(rules=replace(ANYONE, ends_at=NOW)), c)),
    (CodeExpired, None),
]


def with_stored(facts, **changed):
    return facts._replace(stored=replace(facts.stored, **changed))


def refused(act):
    """Return the class of the refusal, and the state that it tells."""
    try:
        act()
    except ServiceError as refusal:
        return type(refusal), refusal.members["state"]
    return None, None


def held(facts, order, now):
    return hold(facts, order, now, 60)


@pytest.mark.parametrize("act", [redeem, held])
def test_the_order_of_refusals(act):
    facts = WORST
    for expected, take_away in STEPS:
        found, state = refused(lambda facts=facts: act(facts, MINE, NOW))
        assert expected is found
        assert found is None or facts.state(NOW) is state
        facts = take_away(facts) if take_away else facts


def test_the_order_of_refusals_of_a_code_of_nobody():
    facts, claimant = WORST_OF_NOBODY, Claimant(erased=True, holds_another=True)
    for expected, take_away in STEPS_OF_NOBODY:
        found, state = refused(lambda f=facts, c=claimant: redeem(f, MINE, NOW, c))
        assert expected is found
        assert found is None or facts.state(NOW) is state
        facts, claimant = take_away(facts, claimant) if take_away else (facts, claimant)


@pytest.mark.parametrize("rules", [RULES, ANYONE])
def test_a_code_of_nobody_is_not_held(rules):
    """Nobody was promised it, so that a checkout has nothing to keep."""
    assert refused(lambda: hold(CodeFacts(FREE, rules), MINE, NOW, 60)) == (
        NotReserved,
        State.AVAILABLE,
    )


def test_a_code_of_nobody_is_not_redeemed_by_holders():
    assert refused(lambda: redeem(CodeFacts(FREE, RULES), MINE, NOW)) == (
        NotReserved,
        State.AVAILABLE,
    )


@pytest.mark.parametrize("rules", [RULES, ANYONE])
def test_an_expired_code_of_nobody_has_expired(rules):
    facts = CodeFacts(FREE, replace(rules, ends_at=NOW))
    assert (CodeExpired, State.EXPIRED) == refused(lambda: redeem(facts, MINE, NOW))
    assert (CodeExpired, State.EXPIRED) == refused(lambda: hold(facts, MINE, NOW, 60))


def test_a_lapsed_code_is_judged_as_if_it_were_nobodys():
    assert (NotReserved, State.AVAILABLE) == refused(
        lambda: redeem(CodeFacts(LAPSED, RULES), MINE, NOW)
    )
    facts = CodeFacts(LAPSED, replace(ANYONE, reservation_ttl_s=60))
    assert may_claim(facts, NOW)
    after = redeem(facts, Order("order", "v"), NOW)
    assert ("v", NOW, NOW + 60_000, OnLapse.EXPIRE) == (
        after.user,
        after.reserved_at,
        after.expires_at,
        after.on_lapse,
    )


def test_a_reserved_code_is_its_holders_also_with_anyone():
    facts = CodeFacts(HELD, ANYONE)
    assert not may_claim(facts, NOW)
    assert NotTheHolder is refused(lambda: redeem(facts, Order("o", "v"), NOW))[0]
    assert NOW == redeem(facts, MINE, NOW).redeemed_at


def test_an_expired_code_is_still_its_holders():
    facts = CodeFacts(replace(HELD, expires_at=NOW), RULES)
    assert (NotTheHolder, State.EXPIRED) == refused(lambda: redeem(facts, Order("order", "v"), NOW))


def test_a_redemption_by_anyone_leaves_it_reserved_when_it_is_undone():
    facts = CodeFacts(FREE, replace(ANYONE, reservation_ttl_s=60))
    after = redeem(facts, MINE, NOW)
    assert State.REDEEMED is after.state(None, NOW)
    below = undo(facts._replace(stored=after))
    assert State.RESERVED is below.state(None, NOW)
    assert ("u", NOW + 60_000) == (below.user, below.expires_at)


def test_an_undo_shows_what_is_below():
    redeemed = replace(HELD, redeemed_at=3)
    for below, state in (
        (redeemed, State.RESERVED),
        (replace(redeemed, disabled_at=4), State.DISABLED),
        (replace(redeemed, expires_at=NOW), State.EXPIRED),
        (replace(LAPSED, redeemed_at=3), State.AVAILABLE),
    ):
        assert state is undo(CodeFacts(below, RULES)).state(None, NOW)


class TestRepetitions:
    def test_the_same_order_has_redeemed_it(self):
        facts = CodeFacts(replace(HELD, redeemed_at=3), RULES, Redemption("order", "u", 3))
        assert redeems_by(facts, MINE)
        assert not redeems_by(facts, Order("order", "v"))
        assert NotTheHolder is refused(lambda: redeem(facts, Order("order", "v"), NOW))[0]
        assert CodeRedeemed is refused(lambda: hold(facts, MINE, NOW, 60))[0]

    def test_an_undone_one_is_none(self):
        assert not redeems_by(CodeFacts(replace(HELD, redeemed_at=3), RULES, UNDONE), MINE)
        assert not redeems_by(CodeFacts(HELD, RULES), MINE)

    def test_an_erasure_forgets_whose_order_it_was(self):
        stored = StoredCode("/tombstone", 1, redeemed_at=3, disabled_at=4)
        assert redeems_by(CodeFacts(stored, RULES, Redemption("order", None, 3)), MINE)


class TestHolds:
    def test_it_begins_now_and_ends_later(self):
        assert Hold("order", NOW, NOW + 60_000) == hold(CodeFacts(HELD, RULES), MINE, NOW, 60)

    def test_its_own_end_moves_at_most_a_day_after_its_begin(self):
        began = NOW - DAY + 1000
        facts = CodeFacts(replace(HELD, hold=Hold("order", began, NOW + 1)), RULES)
        assert Hold("order", began, began + DAY) == hold(facts, MINE, NOW, 60)
        assert Hold("order", began, NOW + 900) == hold(facts, MINE, NOW - 59_100, 60)

    def test_a_dead_one_begins_anew(self):
        facts = CodeFacts(replace(HELD, hold=Hold("another", 1, NOW)), RULES)
        assert Hold("order", NOW, NOW + 60_000) == hold(facts, MINE, NOW, 60)

    def test_another_keeps_its_begin_when_it_is_taken_over(self):
        facts = CodeFacts(replace(HELD, hold=THEIRS), RULES)
        with pytest.raises(CodeHeld) as caught:
            hold(facts, MINE, NOW, 60)
        assert 2 == caught.value.retry_after
        taken = hold(facts, MINE, NOW, 60, take_over=True)
        assert Hold("order", THEIRS.began_at, NOW + 60_000) == taken
        with pytest.raises(NotTheHolder):
            hold(facts, Order("order", "v"), NOW, 60, take_over=True)

    def test_it_never_blocks_its_own_reference(self):
        facts = CodeFacts(replace(HELD, hold=Hold("order", NOW - 5, NOW + 5)), RULES)
        assert redeem(facts, MINE, NOW).hold is None, "and ends with the redemption"

    def test_it_keeps_a_code_past_its_end(self):
        ended = replace(LAPSED, hold=Hold("order", NOW - 5, NOW + 5))
        facts = CodeFacts(ended, replace(RULES, ends_at=NOW - 1))
        assert State.RESERVED is facts.state(NOW)
        assert NOW == redeem(facts, MINE, NOW).redeemed_at
        assert (NotReserved, CodeExpired) == (
            refused(lambda: redeem(facts._replace(rules=RULES), MINE, NOW + 5))[0],
            refused(lambda: redeem(facts, MINE, NOW + 5))[0],
        )

    def test_disabling_beats_it(self):
        facts = CodeFacts(replace(HELD, disabled_at=1, hold=Hold("order", NOW - 5, NOW + 5)), RULES)
        assert (CodeDisabled, State.DISABLED) == refused(lambda: redeem(facts, MINE, NOW))
