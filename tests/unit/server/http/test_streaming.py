"""A streamed body: an incomplete one must not look complete."""

import pytest

from service.domain.errors import InvalidRequest
from service.server.http.body import ChunkedBody, SizedBody
from service.server.http.streaming import UnreceivedBody

ONE_CHUNK = b"8\r\nCODE-1\r\n\r\n"


def streamed(body, *parts):
    """Return a body of which a part arrives until the client disconnects."""
    arriving = iter(parts)
    unreceived = UnreceivedBody(body, lambda: next(arriving, b""), lambda: None)
    unreceived.stream()
    return unreceived


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (ChunkedBody, [ONE_CHUNK]),
        (ChunkedBody, [ONE_CHUNK, b"0\r\n"]),
        (ChunkedBody, [ONE_CHUNK, b"9\r\nCODE"]),
        (lambda: SizedBody(100), [b"CODE-1\r\n"]),
    ],
    ids=["no last chunk", "half a last chunk", "half a chunk", "a length"],
)
@pytest.mark.parametrize("size", [-1, 65536])
def test_a_body_that_ends_too_soon_is_refused(body, parts, size):
    with pytest.raises(InvalidRequest):
        streamed(body(), *parts).read(size)


@pytest.mark.parametrize("size", [-1, 65536])
def test_a_body_is_whole_with_its_end(size):
    body = streamed(ChunkedBody(), ONE_CHUNK, b"0\r\n\r\n")
    assert [b"CODE-1\r\n", b""] == [body.read(size), body.read(size)]
