"""Cursors: they are decoded as encoded, and only the service's own are accepted."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.api.cursors import Cursors
from service.domain.errors import InvalidRequest
from tests.support.names import text_of_utf8

KEYS = text_of_utf8(min_size=1, max_size=128)
LISTINGS = text_of_utf8(max_size=160)
CURSORS = Cursors(b"a key")


@given(KEYS, LISTINGS)
def test_a_key_comes_back_from_its_own_listing(key, listing):
    assert key == CURSORS.decode(listing, CURSORS.encode(listing, key))


@given(KEYS, LISTINGS)
def test_the_same_place_has_the_same_cursor(key, listing):
    """A page that is requested twice is the same, including its link."""
    assert CURSORS.encode(listing, key) == CURSORS.encode(listing, key)


@given(KEYS, LISTINGS, LISTINGS)
def test_no_other_listing_takes_it(key, listing, other):
    assume(listing != other)
    with pytest.raises(InvalidRequest):
        CURSORS.decode(other, CURSORS.encode(listing, key))


@given(KEYS, LISTINGS, st.data())
def test_a_change_of_any_character_is_refused(key, listing, data):
    """Changed, added and removed characters are rejected, even those that base64 ignores."""
    cursor = CURSORS.encode(listing, key)
    at = data.draw(st.integers(0, len(cursor)))
    skipped = data.draw(st.integers(0, 1))
    added = data.draw(st.sampled_from("ABab01-_+/=!é \n") | st.just(""))
    changed = cursor[:at] + added + cursor[at + skipped :]
    assume(changed != cursor)
    with pytest.raises(InvalidRequest):
        CURSORS.decode(listing, changed)


@given(st.text() | st.text("ABCDEFabcdef0123-_="), LISTINGS)
def test_any_text_is_refused_and_nothing_else_happens(text, listing):
    """A cursor cannot be forged without the key."""
    with pytest.raises(InvalidRequest):
        CURSORS.decode(listing, text)


@given(KEYS, LISTINGS, st.binary(max_size=64))
def test_what_another_key_sealed_is_refused(key, listing, other_key):
    with pytest.raises(InvalidRequest):
        CURSORS.decode(listing, Cursors(other_key).encode(listing, key))
