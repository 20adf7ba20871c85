"""The check character finds every typo that it promises to find."""

from hypothesis import given
from hypothesis import strategies as st

from service.domain.check_character import check_character
from service.domain.codes import ALPHABET

LETTER = st.sampled_from(ALPHABET)
TEXT = st.text(LETTER, min_size=3, max_size=63)


def is_right(text):
    return check_character(text[:-1]) == text[-1]


@given(TEXT, st.data())
def test_every_single_wrong_letter_is_found(letters, data):
    text = letters + check_character(letters)
    place = data.draw(st.integers(0, len(text) - 1))
    for wrong in ALPHABET:
        typo = text[:place] + wrong + text[place + 1 :]
        assert is_right(typo) == (typo == text)


@given(TEXT)
def test_every_swap_of_neighbours_is_found(letters):
    text = letters + check_character(letters)
    for place in range(len(text) - 1):
        first, second = text[place : place + 2]
        typo = text[:place] + second + first + text[place + 2 :]
        assert is_right(typo) == (typo == text)


def test_values_that_other_implementations_can_be_compared_with():
    """Computed by hand: the letter of value 1, times x, x² and x⁵ = x² + 1."""
    assert "2" == check_character("222")
    assert ALPHABET[0b00010] == check_character("223")
    assert ALPHABET[0b00100] == check_character("232")
    assert ALPHABET[0b00101] == check_character("32222")
