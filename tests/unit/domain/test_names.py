"""Legal names of brands, campaigns and users."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.names import MAX_NAME, MAX_USER, PATTERN, is_name
from tests.support.names import illegal_names, is_legal, legal_names


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


@given(st.text(st.characters(codec=None), max_size=70) | legal_names(MAX_NAME))
def test_the_rule_is_the_contracts(text):
    """The regular expression agrees with the contract's wording."""
    assert is_legal(text, MAX_NAME) == is_name(text)


@pytest.mark.parametrize("longest", [MAX_NAME, MAX_USER])
@given(data=st.data())
def test_a_legal_name_is_spoilt_by_breaking_one_rule(longest, data):
    assert is_name(data.draw(legal_names(longest)), longest)
    assert not is_name(data.draw(illegal_names(longest)), longest)


@given(st.text(max_size=20))
def test_the_documents_pattern_is_the_rule(text):
    """The pattern of OpenAPI agrees with the check, surrogates aside.

    OpenAPI's `$` is ECMA-262's: the end, and not also before a last line feed, as in Python.
    """
    assert bool(re.search(PATTERN.replace("$", r"\Z"), text)) == is_name(text)
