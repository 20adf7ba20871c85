"""Redemptions, undos, holds and releases, over codes in memory."""

from dataclasses import replace

import pytest

from service.domain.campaigns import OnLapse, OnRelease, RedeemBy, Rules
from service.domain.code_refusals import (
    AlreadyHolds,
    CodeDisabled,
    CodeRedeemed,
    NotReserved,
    RedemptionUndone,
)
from service.domain.errors import (
    CodeNotFound,
    InternalError,
    PreconditionFailed,
    RedemptionNotFound,
    ReservationNotFound,
    Unavailable,
    UserErased,
)
from service.domain.model import State
from service.domain.moves import Cause
from service.domain.redeeming import Order
from service.domain.redemptions import Redemption
from service.domain.states import DisabledBy, Hold, StoredCode
from service.usecases import deadlines, holds, redemptions, releases
from service.usecases.holds import HoldOutcome
from service.usecases.moving import MAX_ATTEMPTS, make_move
from service.usecases.ports.code_moves import Move
from service.usecases.redemptions import Undo
from tests.unit.usecases.code_moves import NOW

ANYONE = Rules(redeem_by=RedeemBy.ANYONE)
HELD = StoredCode("u", 1, version=1)


@pytest.fixture
def mine(moves):
    moves.codes["CODE"] = HELD
    return moves


def redeem(moves, reference="order", user="u", **options):
    order = Order(reference, user)
    return redemptions.redeem(moves, "b", "CODE", order, clock=moves.clock, **options)


def undo(moves, reference="order"):
    return redemptions.undo(moves, "b", "CODE", reference, clock=moves.clock)


def hold(moves, reference="order", user="u", **options):
    return holds.hold(moves, "b", "CODE", Order(reference, user), clock=moves.clock, **options)


def release(moves, user="u", **options):
    return releases.release(moves, "b", "default", user, clock=moves.clock, **options)


class TestRedemptions:
    def test_the_second_call_is_a_repetition(self, mine):
        first, second = redeem(mine), redeem(mine)
        assert (True, False) == (first.new, second.new)
        assert Redemption("order", "u", NOW) == first.redemption == second.redemption
        assert 2 == mine.codes["CODE"].version
        assert first._replace(new=False) == redemptions.show_redemption(mine, "b", "CODE", "order")

    def test_a_dry_run_changes_nothing(self, mine):
        assert redeem(mine, dry_run=True).new
        assert HELD == mine.codes["CODE"]
        redeem(mine)
        assert not redeem(mine, dry_run=True).new
        with pytest.raises(CodeRedeemed):
            redeem(mine, "another", dry_run=True)

    def test_an_unknown_code(self, moves):
        for call in (redeem, undo, hold):
            with pytest.raises(CodeNotFound):
                call(moves)

    def test_who_was_first_wins(self, mine):
        mine.before_write = [lambda: redeem(mine, "another")]
        with pytest.raises(CodeRedeemed) as refused:
            redeem(mine)
        assert {"state": State.REDEEMED} == refused.value.members
        assert ("CODE", "order") not in mine.redemptions

    def test_a_duplicate_that_was_first_is_a_repetition(self, mine):
        mine.before_write = [lambda: redeem(mine)]
        assert not redeem(mine).new

    def test_who_never_wins_is_told_to_try_again(self, mine, monkeypatch):
        tries: list[int] = []

        def never(*_):
            tries.append(1)
            return False

        monkeypatch.setattr(mine, "move_code", never)
        with pytest.raises(Unavailable):
            redeem(mine)
        assert MAX_ATTEMPTS == len(tries)
        monkeypatch.setattr(deadlines, "is_over", lambda: True)
        with pytest.raises(Unavailable):
            redeem(mine)
        assert MAX_ATTEMPTS + 1 == len(tries)


class TestAnyone:
    @pytest.fixture
    def free(self, moves):
        moves.rules = replace(ANYONE, reservation_ttl_s=60)
        moves.codes["CODE"] = StoredCode()
        return moves

    def test_it_is_claimed_and_redeemed_in_one(self, free):
        assert redeem(free).new
        claimed = StoredCode("u", NOW, NOW + 60_000, redeemed_at=NOW, version=1)
        assert claimed == free.codes["CODE"]
        assert Undo.UNDONE is undo(free)
        assert replace(claimed, redeemed_at=None, version=2) == free.codes["CODE"]

    def test_a_user_has_one_code_of_a_campaign(self, free):
        free.codes["OTHER"] = HELD
        with pytest.raises(AlreadyHolds):
            redeem(free)
        del free.codes["OTHER"]
        free.before_write = [lambda: free.codes.update(OTHER=HELD)]
        with pytest.raises(AlreadyHolds):
            redeem(free)

    def test_a_lapsed_one_does_not_count(self, free):
        """The unique key still has it as the user's, until a sweeper, or this call, frees it."""
        free.codes["OTHER"] = replace(HELD, expires_at=NOW, on_lapse=OnLapse.RECYCLE)
        assert redeem(free, dry_run=True).new
        assert "u" == free.codes["OTHER"].user
        assert redeem(free).new
        assert StoredCode(version=2) == free.codes["OTHER"]

    def test_who_was_erased_gets_none(self, free):
        def tombstones(brand, user):
            return (f"/{brand}.{user}",)

        assert redeem(free, "dry", dry_run=True, tombstones=tombstones).new
        free.before_write = [lambda: free.codes.update(OTHER=replace(HELD, user="/b.u"))]
        with pytest.raises(UserErased):
            redeem(free, tombstones=tombstones)
        assert StoredCode() == free.codes["CODE"]

    def test_tombstones_are_computed_for_claims_alone(self, mine):
        mine.rules = ANYONE
        assert redeem(mine, tombstones=lambda *_: pytest.fail("not for a holder")).new


class TestUndos:
    def test_a_reference_redeems_once_in_its_life(self, mine):
        """In odoo#62767 a cancelled order comes back, and the code is used twice."""
        redeem(mine)
        assert (Undo.UNDONE, Undo.REPEATED) == (undo(mine), undo(mine))
        with pytest.raises(RedemptionUndone):
            redeem(mine)
        assert redeem(mine, "another").new
        with pytest.raises(RedemptionUndone):
            redeem(mine)

    def test_it_may_come_before_the_redemption(self, mine):
        with pytest.raises(RedemptionNotFound):
            redemptions.show_redemption(mine, "b", "CODE", "order")
        assert (Undo.EARLY, Undo.REPEATED) == (undo(mine), undo(mine))
        shown = redemptions.show_redemption(mine, "b", "CODE", "order").redemption
        assert Redemption("order", None, None, NOW) == shown
        with pytest.raises(RedemptionUndone):
            redeem(mine)

    def test_another_reference_moves_nothing_and_is_spent(self, mine):
        redeem(mine)
        assert Undo.EARLY is undo(mine, "another")
        assert State.REDEEMED is mine.codes["CODE"].stored_state()
        undo(mine)
        with pytest.raises(RedemptionUndone):
            redeem(mine, "another")

    def test_one_reference_may_redeem_several_codes(self, mine):
        mine.codes["TWO"] = replace(HELD, user="v")
        redeem(mine)
        order = Order("order", "v")
        assert redemptions.redeem(mine, "b", "TWO", order, clock=mine.clock).new


class TestHolds:
    def test_outcomes(self, mine):
        assert HoldOutcome.NEW is hold(mine).outcome
        mine.now += 1000
        extended = hold(mine, ttl_s=60)
        assert (HoldOutcome.EXTENDED, mine.now + 60_000) == (extended.outcome, extended.held_until)
        assert HoldOutcome.TAKEN_OVER is hold(mine, "another", take_over=True).outcome
        assert Hold("another", NOW, mine.now + 900_000) == mine.codes["CODE"].hold

    def test_only_its_reference_ends_it(self, mine):
        hold(mine)
        assert not holds.end_hold(mine, "b", "CODE", "another", mine.clock)
        assert holds.end_hold(mine, "b", "CODE", "order", mine.clock)
        assert not holds.end_hold(mine, "b", "CODE", "order", mine.clock)
        assert replace(HELD, version=3) == mine.codes["CODE"]

    def test_an_undo_does_not_bring_it_back(self, mine):
        hold(mine)
        redeem(mine)
        undo(mine)
        assert mine.codes["CODE"].hold is None


class TestReleases:
    def test_a_code_is_released_once(self, mine):
        assert OnRelease.RETIRE is release(mine)
        gone = StoredCode(disabled_at=NOW, disabled_by=DisabledBy.RELEASE, version=2)
        assert gone == mine.codes["CODE"]
        with pytest.raises(ReservationNotFound):
            release(mine)

    def test_a_lapsed_one_is_nobodys(self, mine):
        mine.codes["CODE"] = replace(HELD, expires_at=NOW, on_lapse=OnLapse.RECYCLE)
        with pytest.raises(ReservationNotFound):
            release(mine)

    def test_only_what_the_caller_expects(self, mine):
        def refuse(found):
            assert HELD == found.stored
            raise PreconditionFailed

        with pytest.raises(PreconditionFailed):
            release(mine, precondition=refuse)
        assert HELD == mine.codes["CODE"]


def test_each_move_is_in_the_table(mine):
    found = mine.find_code("b", "CODE")
    with pytest.raises(InternalError):
        make_move(mine, found, Move(replace(HELD, redeemed_at=NOW)), Cause.RELEASE, NOW)
    assert HELD == mine.codes["CODE"]


def test_what_was_decided_on_old_rules_is_decided_again(mine):
    mine.codes["CODE"] = StoredCode()
    mine.rules = ANYONE

    def change():
        mine.rules, mine.rules_version = Rules(), 2

    mine.before_write = [change]
    with pytest.raises(NotReserved):
        redeem(mine)


def test_a_disabled_code_stays_disabled(mine):
    def disable():
        mine.codes["CODE"] = replace(mine.codes["CODE"], disabled_at=NOW, version=2)

    mine.before_write = [disable]
    with pytest.raises(CodeDisabled):
        redeem(mine)
