"""Receiving: when a request is whole enough for a thread to take it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.receiving import MAX_HELD, is_whole

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nCONTENT-length:  5 \r\n\r\nhello"


@pytest.mark.parametrize("whole", [GET, POST, GET + GET, POST + b"GET"])
def test_whole_requests(whole):
    assert is_whole(whole)


@pytest.mark.parametrize("request_", [GET, POST])
def test_no_part_of_a_request_is_whole(request_):
    assert [] == [length for length in range(len(request_)) if is_whole(request_[:length])]


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n",
        b"GET /" + b"a" * MAX_HELD,
    ],
)
def test_what_cannot_be_held_is_handed_over(head):
    assert is_whole(head)


@given(st.binary(max_size=200))
def test_any_bytes_make_a_yes_or_a_no(held):
    assert is_whole(held) in {True, False}


@given(st.binary(max_size=100), st.integers(0, 99))
def test_a_body_is_whole_once_its_length_is_there(body, cut):
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    part = body[:cut]
    assert (part == body) == is_whole(head + part)
