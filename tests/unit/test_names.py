"""Names: which a brand, campaign or user may have."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.names import MAX_NAME, MAX_USER, PATTERN, is_name


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "brand1",
        "a b",
        "...",
        ".a",
        "a\u00a0",
        "Ünïcödé",
        "日本語",
        "😀",
        "\u200f",
        "'; --",
        "%2F",
    ],
)
def test_names_of_every_script_are_good(name):
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " a",
        "a ",
        " ",
        ".",
        "..",
        "a/b",
        "\x00",
        "a\n",
        "\x1f",
        "\x80",
        "\x9f",
        "\ud800",
        "a\udfffb",
    ],
)
def test_what_the_contract_forbids_is_refused(name):
    assert not is_name(name)


def test_length_counts_code_points_not_bytes():
    assert is_name("😀" * MAX_NAME)
    assert not is_name("😀" * (MAX_NAME + 1))
    assert is_name("😀" * MAX_USER, MAX_USER)
    assert not is_name("😀" * (MAX_USER + 1), MAX_USER)


@given(st.text(max_size=70))
def test_the_rule_is_the_contracts(text):
    """The regular expression says what the contract says in words."""
    forbidden = any(
        character == "/"
        or ord(character) < 0x20
        or 0x80 <= ord(character) <= 0x9F
        or unicodedata.category(character) == "Cs"
        for character in text
    )
    expected = (
        1 <= len(text) <= MAX_NAME
        and not forbidden
        and not text.startswith(" ")
        and not text.endswith(" ")
        and text not in {".", ".."}
    )
    assert expected == is_name(text)


@given(st.text(max_size=20))
def test_the_documents_pattern_is_the_rule(text):
    """What OpenAPI says of a name agrees with what is done, surrogates aside."""
    ecma = PATTERN.replace("$", r"\Z")  # Python's $ also matches before a last line feed
    assert bool(re.search(ecma, text)) == is_name(text)
