"""Chunked bodies are parsed as gunicorn parses them, or more strictly."""

import io
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser
from hypothesis import event, given
from hypothesis import strategies as st

from service.api.problems.http_errors import HeadersTooLarge
from service.domain.errors import ServiceError
from service.server.http.body import (
    MAX_CHUNK_LINE,
    MAX_EXTENSIONS,
    MAX_TRAILERS,
    ChunkedBody,
    SizedBody,
)

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CONNECTION = SimpleNamespace(client=("10.1.2.3", 4567))


def read(raw, step=1 << 20):
    """Return the content and what follows it; `None` if it has no end."""
    body = ChunkedBody()
    for at in range(0, len(raw), step):
        if body.ended:
            return bytes(body.content), body.rest + raw[at:]
        body.feed(raw[at : at + step])
    return (bytes(body.content), body.rest) if body.ended else None


def read_by_gunicorn(raw):
    """Return the same by gunicorn's parser."""
    parser = get_parser(Config(), io.BytesIO(HEAD + raw), CONNECTION.client)
    content = next(parser).body.read()
    return content, parser.unreader.take_buffered() + b"".join(parser.unreader.iter or ())


PIECES = st.sampled_from(
    [
        *(
            b"0\r\n",
            b"\r\n",
            b"5\r\nhello\r\n",
            b"a\r\n0123456789\r\n",
            b"00\r\n",
            b"05\r\nhello\r\n",
        ),
        *(
            b"1;a=b\r\nx\r\n",
            b'1 ; a="b\\"" ;c\r\nx\r\n',
            b"1;\r\nx\r\n",
            b"1 \r\nx\r\n",
            b"0;x\r\n",
        ),
        *(b"X: y\r\n", b"Host: y\r\n", b" folded\r\n", b"X y\r\n", b"5\nhello\n", b"0x1\r\nx\r\n"),
        *(
            b"+1\r\nx\r\n",
            b"-1\r\n",
            b"1_0\r\n",
            b"\n",
            b"\r",
            b"GET / HTTP/1.1\r\n\r\n",
            b"1\r\nxy",
        ),
    ]
)


@given(st.lists(PIECES, max_size=6).map(b"".join), st.integers(1, 9))
def test_nothing_is_read_in_another_way_than_gunicorn_reads_it(raw, step):
    try:
        ours = read(raw)
    except ServiceError:
        event("refused")
        with pytest.raises(ServiceError):
            read(raw, step)
        return
    assert ours == read(raw, step)
    event("whole" if ours else "no end")
    if ours:
        assert ours == read_by_gunicorn(raw)


@pytest.mark.parametrize(
    "raw",
    [
        *(b"zz\r\n", b"-5\r\n", b"0x5\r\n", b"5\nhello", b"5 \r\nhello\r\n", b"\r\n", b"5;\r\n"),
        *(b"5\r\nhelloX", b"5\r\nhello\n", b"0\r\nHost: evil\r\n\r\n", b"0\r\nX y\r\n\r\n"),
        *(
            b"0\r\n folded\r\n\r\n",
            b"0\r\nX: y\n",
            b"0\r\nContent-Length: 5\r\n\r\n",
            b"0\r\nX: \x00\r\n\r\n",
        ),
        *(b"1" * 17 + b"\r\n", b"1;a=" + b"b" * MAX_CHUNK_LINE),
        b"1;a=bbbbbbbbbbbbbbbb\r\nx\r\n" * (MAX_EXTENSIONS // 16),
    ],
    ids=lambda raw: str(raw[:20]),
)
def test_what_is_malformed_is_refused_at_once(raw):
    with pytest.raises(ServiceError):
        read(raw)


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_trailers_have_a_limit(end):
    with pytest.raises(HeadersTooLarge):
        read(b"0\r\n" + b"X: y\r\n" * (MAX_TRAILERS // 6 + 1) + end)


def test_a_body_of_known_length_ends_there():
    body = SizedBody(5)
    assert body.exceeds(4)
    assert not body.exceeds(5)
    body.feed(b"hel")
    body.feed(b"loGET")
    assert body.ended
    assert (b"hello", b"GET") == (body.content, body.rest)
