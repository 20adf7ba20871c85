"""Formats of codes: what is allowed, and that codes are uniform and hard to guess."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.check_character import check_character
from service.domain.code_formats import CodeFormat, guess, has_room, is_guessable
from service.domain.codes import ALPHABET, is_code

SUMMER = CodeFormat("SUMMER-####-####")


@pytest.mark.parametrize(
    ("form", "pointers"),
    [
        (SUMMER, []),
        (CodeFormat("####"), []),
        (CodeFormat("#" * 64, "01234567"), []),
        (CodeFormat("A" * 60 + "####"), []),
        (CodeFormat("####", ALPHABET, check=True), []),
        (CodeFormat("###A"), ["/pattern"]),
        (CodeFormat("#" * 65), ["/pattern"]),
        (CodeFormat("-####"), ["/pattern"]),
        (CodeFormat("####-"), ["/pattern"]),
        (CodeFormat("####é"), ["/pattern"]),
        (CodeFormat("####", "0123456"), ["/alphabet"]),
        (CodeFormat("####", "012345677"), ["/alphabet"]),
        (CodeFormat("####", "0123456-"), ["/alphabet"]),
        (CodeFormat("####", "0123456é"), ["/alphabet"]),
        (CodeFormat("####", "01234567", check=True), ["/check"]),
        (CodeFormat("##", "01"), ["/pattern", "/alphabet"]),
    ],
)
def test_faults(form, pointers):
    assert pointers == [fault.pointer for fault in form.faults()]


@given(st.sampled_from(["SUMMER-####-####", "####", "#a#b#c#"]), st.integers(0, 50))
def test_codes_follow_the_pattern(pattern, count):
    found = CodeFormat(pattern).mint(count)
    assert count == len(found)
    for code in found:
        assert is_code(code)
        assert len(code) == len(pattern)
        for letter, place in zip(code, pattern, strict=True):
            assert letter in ALPHABET if place == "#" else letter == place


def test_the_last_random_place_is_the_check_character():
    for code in CodeFormat("A-###-###-Z", check=True).mint(50):
        letters = code[2:5] + code[6:9]
        assert check_character(letters[:-1]) == letters[-1]


@pytest.mark.parametrize("alphabet", [ALPHABET, "0123456789", "abcdefghijklm"])
def test_every_letter_is_as_likely(alphabet):
    """Pearson's chi-squared: 90 is exceeded by 31 degrees of freedom once in 10^7 runs."""
    letters = Counter("".join(CodeFormat("#" * 8, alphabet).mint(8000)))
    expected = letters.total() / len(alphabet)
    assert sum((letters[each] - expected) ** 2 / expected for each in alphabet) < 90


def test_codes_of_a_pattern_come_in_no_clusters():
    assert len({code[7:10] for code in SUMMER.mint(1000)}) > 900


@given(st.integers(0, 10**9))
def test_guesses_are_exact(count):
    form = CodeFormat("######", "0123456789")
    found = guess(form, count)
    assert 19 == found.space_bits
    assert max(1, count) == found.codes
    assert found.one_guess <= Fraction(10**6, found.codes) < found.one_guess + 1


def test_literals_and_the_check_character_are_not_counted():
    assert (40, 40) == (guess(SUMMER, 1).space_bits, guess(CodeFormat("#" * 8), 1).space_bits)
    assert 35 == guess(CodeFormat("#" * 8, check=True), 1).space_bits
    assert 60 == guess(None, 1).space_bits


def test_what_is_guessable_at_the_edge():
    form = CodeFormat("########", "0123456789")  # 10^8
    assert not is_guessable(form, 100)
    assert is_guessable(form, 101)
    assert not is_guessable(CodeFormat("########", "0123456789", accept_guessable=True), 101)
    assert not is_guessable(None, 10**18)
    assert is_guessable(CodeFormat("####", "0123456789"), 0), "one code is asked for at least"


def test_room_at_the_edge():
    form = CodeFormat("####", "0123456789", accept_guessable=True)
    assert has_room(form, 5000)
    assert not has_room(form, 5001)
    assert has_room(None, 10**18)
