"""The load generator checks every answer, or a measurement would mean nothing."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat

import pytest

from tests.tools.load.client import drive
from tests.tools.load.errors import UnexpectedAnswerError

ASKED = ("somebody", b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")


class Answers(BaseHTTPRequestHandler):
    """A server that answers a few requests, and refuses all later ones."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: otherwise each answer
    good = 100

    def do_GET(self):
        type(self).good -= 1
        self.send_response(200 if self.good >= 0 else 401)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Log nothing about a client that disconnects."""


@pytest.fixture
def port() -> Iterator[int]:
    server = Server(("127.0.0.1", 0), type("Fresh", (Answers,), {}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_answer_is_counted_once(port):
    took = drive(port, repeat(ASKED), 60, most=50, connections=2)
    assert [("somebody", b"ok")] * 50 == took.answers
    assert 50 == len(took.latencies)


def test_the_first_refusal_ends_it(port):
    with pytest.raises(UnexpectedAnswerError, match="401"):
        drive(port, repeat(ASKED), 60, connections=2)
