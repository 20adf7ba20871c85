"""An event that a signal handler may set, whatever the main thread is doing."""

import signal
import time
from contextlib import closing

import pytest

from service.worker.signal_event import SignalEvent


@pytest.fixture
def event():
    with closing(SignalEvent()) as made:
        yield made


@pytest.fixture
def on_timer():
    """Call a function in a signal handler repeatedly, by processor time; pytest uses SIGALRM."""
    before = signal.getsignal(signal.SIGVTALRM)

    def call(function, interval_s):
        signal.signal(signal.SIGVTALRM, lambda *_: function())
        signal.setitimer(signal.ITIMER_VIRTUAL, interval_s, interval_s)

    yield call
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


def test_a_handler_ends_a_wait(event):
    signal.signal(signal.SIGUSR1, lambda *_: event.set())
    assert not event.wait(0)
    signal.raise_signal(signal.SIGUSR1)
    assert event.wait(60)
    assert event.is_set()


def test_no_moment_is_wrong_for_a_handler(on_timer):
    """With `threading.Event`, this would wait forever."""
    ends = time.process_time() + 0.2
    while time.process_time() < ends:
        with closing(SignalEvent()) as event:
            on_timer(event.set, 0.0001)
            while not event.wait(0):
                pass
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
