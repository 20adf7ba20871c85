"""Codes: their form, and that they cannot be guessed."""

import math
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.codes import (
    ALPHABET,
    LENGTH,
    MAX_LENGTH,
    PATTERN,
    is_code,
    mint,
    mint_part,
    shuffled,
)
from service.usecases.codes import MAX_PER_CALL


@pytest.mark.parametrize("text", ["abcd", "QMYFRFPA99", "A-b-9", "a" * 64, "1234"])
def test_good_codes(text):
    assert is_code(text)


@pytest.mark.parametrize(
    "text", ["", "abc", "a" * 65, "-abc", "abc-", "ab cd", "abcé", "abcd\n", "١٢٣٤", "ab_cd"]
)
def test_bad_codes(text):
    assert not is_code(text)


@given(
    st.from_regex(PATTERN)
    | st.text(st.sampled_from("AZaz09-\n_é١"), max_size=MAX_LENGTH + 2)
    | st.text(st.characters(codec=None), max_size=MAX_LENGTH + 2)
)
def test_the_rule_is_the_contracts(text):
    """4 to 64 letters, digits and hyphens, of ASCII; no hyphen at either end."""
    letters = {*string.ascii_letters, *string.digits}
    expected = (
        4 <= len(text) <= 64 and {*text} <= letters | {"-"} and {text[0], text[-1]} <= letters
    )
    assert expected == is_code(text)


def test_alphabet_has_no_look_alikes_and_leaves_no_bias():
    assert not set(ALPHABET) & set("0O1Iilo")
    assert len(ALPHABET) == len(set(ALPHABET))
    assert 256 % len(ALPHABET) == 0


def test_a_code_has_at_least_58_bits():
    bits = LENGTH * math.log2(len(ALPHABET))
    assert bits == 60
    assert bits >= 58


@given(st.integers(0, 1000))
def test_as_many_codes_as_asked_and_of_the_right_form(count):
    codes = mint(count)
    assert count == len(codes)
    assert all(
        is_code(code) and len(code) == LENGTH and set(code) <= set(ALPHABET) for code in codes
    )


def test_every_letter_is_as_likely_at_every_place():
    """Pearson's chi-squared over 32 letters, at each of 12 places, of 64,000 codes.

    31 degrees of freedom exceed 90 with a probability of 10^-7: a biased table would fail
    at once, a fair one once in a million runs.
    """
    codes = [code for _ in range(640) for code in mint(100)]
    for place in range(LENGTH):
        assert chi_squared(code[place] for code in codes) < 90


def chi_squared(letters):
    """Compare the frequency of each letter with the expected one."""
    seen = Counter(letters)
    expected = seen.total() / len(ALPHABET)
    return sum((seen[letter] - expected) ** 2 / expected for letter in ALPHABET)


def test_clusters_begin_with_every_letter_as_likely():
    """The cluster whose first letter is the first of all shows what the others have besides."""
    firsts = [min(mint(128)) for _ in range(800)]
    assert {ALPHABET[0]} == {code[0] for code in firsts}
    for place in (1, 2):
        assert chi_squared(code[place] for code in firsts) < 90
    alike = sum(code[1] == code[2] for code in firsts)
    assert 2 < alike < 55  # 25 on average, with a deviation of 5


def test_many_codes_come_in_clusters_that_are_far_from_each_other_and_elsewhere_each_time():
    """32 places in an index instead of a thousand, and every letter at each place alike."""
    codes = mint(1024)
    clusters = Counter(code[:3] for code in codes)
    assert {32} == set(clusters.values())
    for place in range(3):
        assert set(ALPHABET) == {cluster[place] for cluster in clusters}
    assert 1024 == len({code[3:] for code in codes})
    assert set(clusters) != {code[:3] for code in mint(1024)}


def test_who_knows_a_cluster_guesses_another_of_its_codes_once_in_ten_to_the_twelve():
    most = max(Counter(code[:3] for code in mint(MAX_PER_CALL)).values())
    assert most / len(ALPHABET) ** (LENGTH - 3) < 1e-12


@given(st.integers(1, 200_000), st.data())
def test_as_many_codes_of_a_part_as_asked_and_in_their_part_of_the_space(total, data):
    at = data.draw(st.integers(0, total - 1))
    count = data.draw(st.integers(1, min(500, total - at)))
    codes = mint_part(at, total, count)
    assert count == len(codes)
    assert all(is_code(code) and len(code) == LENGTH for code in codes)
    if total >= 32 * len(ALPHABET):  # otherwise it is not split into parts
        first, last = (ALPHABET[number * len(ALPHABET) // total] for number in (at, at + count - 1))
        assert first == codes[0][0]
        assert last == codes[-1][0]


def test_parts_fill_every_cell_of_the_space_alike():
    """No guess is better than another."""
    cells, each = len(ALPHABET) ** 2, 40
    total = cells * each
    made = [code for at in range(0, total, 1024) for code in mint_part(at, total, 1024)]
    filled = Counter(code[:2] for code in made)
    assert cells == len(filled)
    assert {each} == set(filled.values())
    assert total == len(set(made))


def test_a_part_reveals_no_order_within_a_cell():
    """The holder of the two neighbours of a code must not know what lies between."""
    assert sorted(mint_part(0, 40, 40)) != mint_part(0, 40, 40)


@given(st.lists(st.integers(), max_size=50))
def test_what_is_shuffled_is_all_there(items):
    assert sorted(items) == sorted(shuffled(items))


def test_every_order_is_as_likely_as_every_other():
    drawn = Counter(tuple(shuffled("abc")) for _ in range(6000))
    assert 6 == len(drawn)
    assert min(drawn.values()) > 800
