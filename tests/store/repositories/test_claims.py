"""Claims under the rules of a campaign, with either engine."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from service.domain.campaigns import OnLapse, OnRelease, Rules
from service.domain.errors import CampaignNotOpen, Closed, NoCodesLeft, Unavailable, UserErased
from service.domain.model import ReservationResult, State
from service.domain.states import DisabledBy, Hold
from service.store.opening import code_moves_in
from service.usecases.ports.code_moves import Move
from tests.store.repositories.adding import NOW, add

TTL_S = 60
END = NOW + TTL_S * 1000
RECYCLED = Rules(reservation_ttl_s=TTL_S, on_lapse=OnLapse.RECYCLE, on_release=OnRelease.RECYCLE)
EXPIRED = Rules(reservation_ttl_s=TTL_S)
CLOSED = {
    Closed.ARCHIVED: Rules(archived=True, ends_at=NOW, claims_from=NOW + 1, paused=True),
    Closed.ENDED: Rules(ends_at=NOW, claims_from=NOW + 1, paused=True),
    Closed.EARLY: Rules(claims_from=NOW + 1, paused=True),
    Closed.PAUSED: Rules(paused=True),
}


@pytest.fixture
def moves(database):
    return code_moves_in(database)


@pytest.fixture
def rule(store):
    """Set the rules of the campaign, to which codes are added."""

    def rule(rules, *codes):
        add(store, *codes)
        store.write(lambda tx: tx.set_rules(tx.campaign("brand", "default"), rules), NOW)

    return rule


@pytest.fixture
def reserve(store):
    def reserve(user="u", now=NOW, *absent):
        return store.reserve("brand", "default", user, now, lambda *_: absent)

    return reserve


@pytest.fixture
def find(store):
    return lambda user="u", now=NOW: store.find_reservation("brand", "default", user, now)


@pytest.fixture
def change(moves):
    """Change what is stored of a user's code."""

    def change(user="u", **facts):
        found = moves.find_code_of_user("brand", "default", user)
        assert moves.move_code(found, Move(replace(found.stored, **facts)), NOW)

    return change


@pytest.fixture
def counts(store):
    def counts():
        stored = store.campaign("brand", "default").counts
        return {state: count for state, count in stored.items() if count}

    return counts


@pytest.mark.parametrize("closed", Closed)
def test_a_closed_campaign_refuses_claims_and_says_why(rule, reserve, counts, closed):
    rule(CLOSED[closed], "AAAA")
    with pytest.raises(CampaignNotOpen) as refused:
        reserve()
    assert {"reason": closed} == refused.value.members
    assert {State.AVAILABLE: 1} == counts()


@pytest.mark.parametrize("closed", Closed)
def test_who_holds_a_code_hears_it_from_a_closed_campaign(rule, reserve, find, closed):
    rule(Rules(), "AAAA")
    made = reserve().reservation
    rules = CLOSED[closed]
    rule(rules)
    ended = rules.has_ended(NOW)
    expected = made._replace(
        state=State.EXPIRED if ended else State.RESERVED, expires_at=rules.ends_at
    )
    assert ReservationResult(expected, new=False) == reserve()
    assert expected == find()


def test_a_campaign_is_open_from_its_first_moment_until_its_end(rule, reserve):
    rule(Rules(claims_from=NOW, ends_at=NOW + 9), "AAAA", "BBBB")
    for user, now in (("early", NOW - 1), ("late", NOW + 9)):
        with pytest.raises(CampaignNotOpen):
            reserve(user, now)
    assert all(reserve(user, now).new for user, now in (("u1", NOW), ("u2", NOW + 8)))


def test_a_closed_campaign_is_named_before_an_empty_pool(rule, reserve):
    rule(Rules(paused=True), "AAAA")
    rule(Rules())
    reserve("another")
    rule(Rules(paused=True))
    with pytest.raises(CampaignNotOpen):
        reserve()


@pytest.mark.parametrize(
    ("ends_at", "expires_at"), [(None, END), (END + 1, END), (END - 1, END - 1)]
)
def test_the_earlier_of_two_ends_is_answered(rule, reserve, find, ends_at, expires_at):
    rule(replace(EXPIRED, ends_at=ends_at), "AAAA")
    made = reserve()
    assert made.new
    assert (State.RESERVED, NOW, expires_at, 1) == made.reservation[1:]
    assert made.reservation == find() == reserve().reservation


def test_rules_are_those_of_the_moment_of_the_claim(rule, reserve, moves):
    rule(RECYCLED, "AAAA", "BBBB")
    reserve()
    rule(Rules())
    assert reserve("another").reservation.expires_at is None
    mine = moves.find_code_of_user("brand", "default", "u").stored
    another = moves.find_code_of_user("brand", "default", "another").stored
    assert (END, OnLapse.RECYCLE) == (mine.expires_at, mine.on_lapse)
    assert (None, OnLapse.EXPIRE) == (another.expires_at, another.on_lapse)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"redeemed_at": NOW}, State.REDEEMED),
        ({"disabled_at": NOW, "disabled_by": DisabledBy.CALL}, State.DISABLED),
        ({"hold": Hold("order", NOW, END + 1)}, State.RESERVED),
        ({"on_lapse": OnLapse.EXPIRE}, State.EXPIRED),
    ],
)
def test_what_has_not_lapsed_stays_the_users_answer(rule, reserve, find, change, facts, state):
    rule(RECYCLED, "AAAA", "BBBB")
    code = reserve().reservation.code
    change(**facts)
    again = reserve(now=END)
    assert (code, state, False) == (again.reservation.code, again.reservation.state, again.new)
    assert again.reservation == find(now=END)


class TestLapse:
    def test_a_lapsed_reservation_is_none(self, rule, reserve, find):
        rule(RECYCLED, "AAAA")
        reserve()
        assert find(now=END - 1)
        assert find(now=END) is None

    def test_a_claim_by_its_user_renews_the_very_row(self, rule, reserve, find, counts):
        rule(RECYCLED, "AAAA", "BBBB", "CCCC")
        first = reserve().reservation
        rule(replace(RECYCLED, reservation_ttl_s=2 * TTL_S))
        again = reserve(now=END)
        expected = (first.code, State.RESERVED, END, END + 2 * TTL_S * 1000, first.version + 1)
        assert again.new
        assert expected == again.reservation == find(now=END)
        assert not reserve(now=END).new
        assert {State.AVAILABLE: 2, State.RESERVED: 1} == counts()

    def test_a_dead_hold_does_not_survive_it(self, rule, reserve, change, moves):
        rule(RECYCLED, "AAAA")
        reserve()
        change(hold=Hold("order", NOW, NOW + 1))
        assert reserve(now=END).new
        assert moves.find_code_of_user("brand", "default", "u").stored.hold is None

    def test_only_an_open_campaign_renews(self, rule, reserve, find):
        rule(RECYCLED, "AAAA")
        reserve()
        rule(replace(RECYCLED, paused=True))
        with pytest.raises(CampaignNotOpen):
            reserve(now=END)
        assert find(now=END) is None

    def test_lapsed_codes_are_given_out_before_none_is_left(self, rule, reserve, find, counts):
        rule(RECYCLED, "AAAA", "BBBB")
        codes = {reserve(user).reservation.code for user in ("u1", "u2")}
        with pytest.raises(NoCodesLeft):
            reserve("u3", END - 1)
        assert codes == {reserve(user, END).reservation.code for user in ("u3", "u4")}
        assert {State.RESERVED: 2} == counts()
        with pytest.raises(NoCodesLeft):
            reserve("u1", END)
        assert find("u1", END) is None

    def test_a_live_hold_keeps_a_code_from_a_scarce_pool(self, rule, reserve, change):
        rule(RECYCLED, "AAAA")
        reserve()
        change(hold=Hold("order", NOW, END + 1))
        with pytest.raises(NoCodesLeft):
            reserve("another", END)
        assert reserve("another", END + 1).new

    def test_expired_codes_are_given_to_nobody(self, rule, reserve, counts):
        rule(EXPIRED, "AAAA")
        code = reserve().reservation.code
        with pytest.raises(NoCodesLeft):
            reserve("another", END)
        assert {State.EXPIRED: 1} == counts()
        again = reserve(now=END).reservation
        assert (code, State.EXPIRED, 2) == (again.code, again.state, again.version)

    def test_lapsed_codes_behind_many_expired_ones_are_found(
        self, rule, reserve, counts, monkeypatch
    ):
        """No claim does a sweeper's whole work, and none is told that nothing is left."""
        for engine in ("sqlite", "postgresql"):
            monkeypatch.setattr(f"service.store.{engine}.lapses.MOST", 2)
        names = [f"CODE{number}" for number in range(15)]
        rule(EXPIRED, *names)
        for number in range(14):
            reserve(f"u{number}")
        rule(RECYCLED)
        last = reserve("last", NOW + 1).reservation.code
        for _ in range(3):
            with suppress(Unavailable):
                assert last == reserve("another", END + 1).reservation.code
        assert last == reserve("another", END + 1).reservation.code
        assert {State.EXPIRED: 14, State.RESERVED: 1} == counts()

    def test_who_races_for_lapsed_codes_shares_none(self, rule, reserve, counts):
        names = [f"CODE{number}" for number in range(8)]
        rule(RECYCLED, *names)
        for number in range(8):
            reserve(f"u{number}")

        def claim(number):
            try:
                return reserve(f"u{number}", END).reservation.code
            except NoCodesLeft:
                return None

        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(claim, [*range(12), *range(12)]))
        held: dict[str, int] = {}
        for number, code in zip([*range(12), *range(12)], codes, strict=True):
            if code:
                assert number == held.setdefault(code, number)
        assert {State.RESERVED: len(held)} == counts()
        assert 8 == len(held)


class TestErased:
    def test_a_tombstone_keeps_its_user_from_claiming(self, rule, reserve, counts):
        rule(Rules(), "AAAA", "BBBB")
        reserve("/1.a")
        for absent in (("/1.a",), ("/2.b", "/1.a")):
            with pytest.raises(UserErased):
                reserve("u", NOW, *absent)
        assert reserve("u", NOW, "/2.b").new
        assert {State.RESERVED: 2} == counts()

    def test_it_is_named_before_a_closed_campaign_and_an_empty_pool(self, rule, reserve):
        rule(Rules(), "AAAA")
        reserve("/1.a")
        for rules in (Rules(paused=True), Rules()):
            rule(rules)
            with pytest.raises(UserErased):
                reserve("u", NOW, "/1.a")

    def test_who_holds_a_code_is_not_looked_for(self, rule, reserve):
        rule(Rules(), "AAAA", "BBBB")
        reserve("/1.a")
        code = reserve().reservation.code
        assert code == reserve("u", NOW, "/1.a").reservation.code
