"""The worker's own decisions, on real sockets and gunicorn's own parser."""

import itertools
import socket
import time
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser

from service.server import ServiceWorker

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\n"


@pytest.fixture
def keeps():
    """Say whether a connection is kept on which this has come, of which nobody read the body."""

    def ask(sent, *, busy):
        here, there = socket.socketpair()
        with here, there:
            there.sendall(sent)
            connection = SimpleNamespace(sock=here, parser=RequestParser(Config(), here, None))
            assert next(connection.parser)
            worker = ServiceWorker.__new__(ServiceWorker)
            with pytest.MonkeyPatch.context() as patch:
                if busy:  # between any two looks at the clock, others have had the processor
                    hours = itertools.count(time.monotonic(), 3600)
                    patch.setattr(time, "monotonic", lambda: next(hours))
                return worker._keepalive_after(connection, keepalive=True)  # noqa: SLF001

    return ask


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize(("sent", "kept"), [(GET, True), (POST + b"abc", True), (POST, False)])
def test_a_connection_is_kept_unless_a_body_is_missing(keeps, sent, kept, busy):
    """However busy the machine is: a kept connection that ends unannounced costs a call."""
    assert kept == keeps(sent, busy=busy)
