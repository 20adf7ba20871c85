"""The event loop of a worker: accepting connections in turns with other events."""

import errno
import socket
import time
from contextlib import ExitStack
from selectors import EVENT_READ
from types import SimpleNamespace

import pytest

from tests.unit.server.loops import HALF_HEAD, ROOM, is_answered


@pytest.mark.parametrize("closed", [False, True])
def test_who_was_ended_in_a_batch_of_events_is_not_called_anymore(worker, closed):
    """Both have sent data; the handler that runs first closes the other."""
    called = []
    with ExitStack() as stack:
        pairs = [[stack.enter_context(end) for end in socket.socketpair()] for _ in range(2)]

        def end_the_other(ours):
            called.append(ours)
            (other,) = {pair[0] for pair in pairs} - {ours}
            worker.poller.unregister(other)
            if closed:
                other.close()

        for ours, theirs in pairs:
            theirs.send(b"x")
            worker.poller.register(ours, EVENT_READ, end_the_other)
        worker.wait_for_and_dispatch_events(1)
    assert 1 == len(called)


def test_who_got_the_descriptor_of_somebody_ended_is_not_called_for_him(worker):
    called = []
    with ExitStack() as stack:
        pairs = [[stack.enter_context(end) for end in socket.socketpair()] for _ in range(2)]

        def replace_the_other(ours):
            called.append(ours)
            (other,) = {pair[0] for pair in pairs} - {ours}
            worker.poller.unregister(other)
            worker.poller.register(other, EVENT_READ, called.append)

        for ours, theirs in pairs:
            theirs.send(b"x")
            worker.poller.register(ours, EVENT_READ, replace_the_other)
        worker.wait_for_and_dispatch_events(1)
    assert 1 == len(called)


def test_listeners_that_are_closed_already_are_let_be(worker):
    """SIGTERM may arrive just before the loop stops accepting at its limit."""
    worker.alive = False
    worker.set_accept_enabled(False)
    worker.set_accept_enabled(False)
    worker.set_accept_enabled(True)
    assert -1 == worker.sockets[0].fileno()


def test_a_file_that_is_missing_costs_one_connection(worker, connect, monkeypatch):
    """A lingering or an idle connection is closed, and no request is refused for that."""
    waits = connect(HALF_HEAD)
    connect(b"\n")
    full = OSError(errno.EMFILE, "Too many open files")
    listener = SimpleNamespace(accept=lambda: (_ for _ in ()).throw(full))
    before = worker.nr_conns
    worker.accept(listener)
    assert before - 1 == worker.nr_conns
    assert not is_answered(waits)


def test_accepting_ends_after_a_moment_however_many_wait(worker, monkeypatch):
    """A turn that took long because of that would otherwise make the next one longer."""
    waiting = iter(range(1000))

    def accept_one(_):
        time.sleep(0.002)
        return next(waiting) < 999

    monkeypatch.setattr(worker, "_accept_one", accept_one)
    worker._turn_began -= 3600  # noqa: SLF001
    worker.wait_for_and_dispatch_events(0)
    worker.accept(SimpleNamespace())
    assert next(waiting) < 100


def test_at_the_limit_one_goes_for_each_that_comes_even_if_none_was_read_yet(worker):
    """Otherwise accepting would stop until some are late."""
    address = worker.sockets[0].getsockname()
    with ExitStack() as stack:
        for _ in range(3 * ROOM):
            client = stack.enter_context(socket.create_connection(address, 5))
            client.sendall(HALF_HEAD)
        worker._turn_began -= 1  # noqa: SLF001 - a long turn, so that all are accepted in the next
        worker.wait_for_and_dispatch_events(1)
        assert worker.nr_conns < ROOM
