"""Looking up a code: what it is now, and whose."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain.campaigns import OnLapse, Rules
from service.domain.errors import CampaignNotFound, CodeNotFound, ReservationNotFound, UserErased
from service.domain.model import State
from service.domain.states import Hold, StoredCode
from service.usecases.code_lookup import (
    Match,
    details_of,
    look_up,
    look_up_in_campaign,
    show_holder,
)
from service.usecases.keys import PoolKey
from service.usecases.ports.code_moves import FoundCode

NOW = 1_000_000
DEFAULT = Rules()
HELD = StoredCode(user="u", reserved_at=5, version=3)
ENDED = replace(HELD, expires_at=NOW)
LAPSED = replace(ENDED, on_lapse=OnLapse.RECYCLE)


class Codes:
    """A brand with one campaign of the given codes."""

    def __init__(self, *codes, stored=HELD, rules=DEFAULT):
        self.codes, self.stored, self.rules = codes, stored, rules
        self.asked = []

    def find_code(self, _brand, code):
        self.asked.append(code)
        if code not in self.codes:
            raise CodeNotFound
        return FoundCode(
            PoolKey(1, 1), "summer", code, 1, State.RESERVED, self.stored, self.rules, 1
        )

    def require_campaign(self, _brand, campaign):
        if campaign not in {"summer", "winter"}:
            raise CampaignNotFound


def a_brand(*codes, **options) -> Any:
    return Codes(*codes, **options)


def now():
    return NOW


def details(stored, rules=DEFAULT, at=NOW):
    return details_of(Codes("CODE", stored=stored, rules=rules).find_code("b", "CODE"), at)


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("AbC-1", ["AbC-1"]),
        (" ABC-1\n", ["ABC-1"]),
        ("abc-1", ["abc-1", "ABC-1"]),
        ("a b\u00a0c\t-1", ["abc-1", "ABC-1"]),
    ],
)
def test_what_was_typed_is_found(typed, asked):
    codes = a_brand("AbC-1", "ABC-1")
    assert asked[-1] == look_up(codes, "b", typed, Match.TYPED, now).code
    assert asked == codes.asked


@pytest.mark.parametrize("typed", ["   ", "ab", "stra\u00dfe", "nothing", "X" * 65, "CODE\0"])
def test_what_is_no_code_however_read_is_unknown(typed):
    with pytest.raises(CodeNotFound):
        look_up(a_brand("CODE", "STRASSE"), "b", typed, Match.TYPED, now)


def test_without_a_match_a_code_is_taken_exactly():
    with pytest.raises(CodeNotFound):
        look_up(a_brand("CODE"), "b", "code", clock=now)


@pytest.mark.parametrize(
    ("campaign", "code", "error"),
    [
        ("winter", "CODE", CodeNotFound),
        ("summer", "CODE2", CodeNotFound),
        ("autumn", "CODE", CampaignNotFound),
        ("autumn", "CODE2", CampaignNotFound),
    ],
)
def test_a_campaign_has_its_own_codes(campaign, code, error):
    codes = a_brand("CODE")
    assert "CODE" == look_up_in_campaign(codes, codes, "b", "summer", "CODE", now).code
    with pytest.raises(error):
        look_up_in_campaign(codes, codes, "b", campaign, code, now)


def test_it_shows_the_rules_of_the_campaign():
    rules = Rules(discount={"type": "other"}, starts_at=7, ends_at=NOW + 9)
    shown = details(replace(HELD, expires_at=NOW + 20), rules)
    assert ("summer", {"type": "other"}, 7) == (shown.campaign, shown.discount, shown.starts_at)
    assert NOW + 9 == shown.expires_at, "the earlier of two ends"
    assert (3, 5, None) == (shown.version, shown.reserved_at, shown.redeemed_at)


@pytest.mark.parametrize("swept", [False, True])
def test_a_lapsed_code_is_nobodys_again_swept_or_not(swept):
    shown = details(LAPSED.nobodys() if swept else LAPSED)
    assert (State.AVAILABLE, None, None) == (shown.state, shown.reserved_at, shown.expires_at)


def test_an_expired_code_shows_its_end():
    shown = details(ENDED)
    assert (State.EXPIRED, 5, NOW) == (shown.state, shown.reserved_at, shown.expires_at)


HOLD = Hold("order", NOW - 9, NOW + 1)


@pytest.mark.parametrize(
    ("stored", "at", "until"),
    [
        (replace(HELD, hold=HOLD), NOW, NOW + 1),
        (replace(ENDED, hold=HOLD), NOW, NOW + 1),
        (replace(HELD, hold=HOLD), NOW + 1, None),
        (replace(HELD, hold=HOLD, disabled_at=1), NOW, None),
        (replace(HELD, hold=HOLD, redeemed_at=1), NOW, None),
        (HELD, NOW, None),
    ],
)
def test_only_a_hold_that_keeps_the_code_reserved_is_shown(stored, at, until):
    assert until == details(stored, at=at).held_until


def test_the_holder_is_shown_whatever_the_state():
    for stored in (HELD, replace(HELD, redeemed_at=1), replace(HELD, disabled_at=1)):
        assert ("u", "summer", 5) == show_holder(a_brand("CODE", stored=stored), "b", "CODE", now)


@pytest.mark.parametrize(
    ("stored", "error"),
    [
        (StoredCode(), ReservationNotFound),
        (LAPSED, ReservationNotFound),
        (replace(HELD, user="/00000000.x", disabled_at=1), UserErased),
    ],
)
def test_who_holds_nothing_or_was_erased_is_not_shown(stored, error):
    with pytest.raises(error):
        show_holder(a_brand("CODE", stored=stored), "b", "CODE", now)
