"""Answers to slow clients: sent in the background, and cut if too slow or too many."""

import socket
import time
from selectors import DefaultSelector
from typing import Any

import pytest

from service.server.http.sending import PendingAnswers, Unsent, send_some


class Loop:
    """An event loop, which records what happens to its connections."""

    def __init__(self, limit):
        self.poller = DefaultSelector()
        self.sent: list[Any] = []
        self.cut: list[Any] = []
        self.pending = PendingAnswers(
            self.poller, lambda conn, keep: self.sent.append((conn, keep)), self.cut.append, limit
        )

    def turn(self):
        for key, _ in self.poller.select(0):
            key.data(key.fileobj)


class Conn:
    def __init__(self):
        self.sock, self.client = socket.socketpair()
        self.sock.settimeout(0)

    def fill(self):
        """Return what the kernel does not take of an answer."""
        return send_some(self.sock, [b"head", b"x" * 1_000_000])

    def read(self):
        return self.client.recv(1 << 20)


@pytest.fixture
def loop():
    made = Loop(2_500_000)
    with made.poller:
        yield made


@pytest.fixture
def conns():
    made = [Conn() for _ in range(4)]
    yield made
    for conn in made:
        conn.sock.close()
        conn.client.close()


def add(loop, conn, memory=0, *, keep=True):
    loop.pending.add(conn, Unsent(conn.fill(), memory), keep=keep)


@pytest.mark.parametrize("keep", [True, False])
def test_the_rest_is_sent_as_it_is_taken(loop, conns, keep):
    add(loop, conns[0], keep=keep)
    taken = b""
    while not loop.sent:
        taken += conns[0].read()
        loop.turn()
    conns[0].sock.close()
    while part := conns[0].read():
        taken += part
    assert taken == b"head" + b"x" * 1_000_000
    assert [(conns[0], keep)] == loop.sent
    assert 0 == len(loop.pending)


def test_who_takes_nothing_is_cut_in_time(loop, conns, monkeypatch):
    add(loop, conns[0])
    loop.pending.end_slow()
    assert [] == loop.cut
    later = time.monotonic() + 11
    monkeypatch.setattr("service.server.http.sending.time.monotonic", lambda: later)
    loop.pending.end_slow()
    assert [conns[0]] == loop.cut


def test_who_is_gone_is_cut(loop, conns):
    add(loop, conns[0])
    conns[0].client.close()
    loop.turn()
    assert [conns[0]] == loop.cut


def test_beyond_the_limit_of_memory_the_oldest_go(loop, conns):
    for conn in conns:
        add(loop, conn, 1_000_000)
    assert conns[:2] == loop.cut
    assert 2 == len(loop.pending)


def test_memory_that_others_share_counts_for_nobody(loop, conns):
    for conn in conns:
        add(loop, conn, 0)
    assert [] == loop.cut
