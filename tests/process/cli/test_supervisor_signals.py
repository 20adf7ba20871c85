"""Signals to a supervisor, in this process: its children are processes."""

import os
import signal
import subprocess
import sys
import threading

import pytest
import structlog

from service.cli import supervisor
from service.cli.supervisor import Child, Supervisor
from tests.support.waiting import WITHIN_S, wait_until

COUNTS = """
import pathlib, signal, sys, time
received = []
signal.signal(signal.SIGTERM, lambda *_: received.append(1))
pathlib.Path(sys.argv[1]).touch()
while len(received) < 2:
    time.sleep(0.01)
"""
SLEEPS = [sys.executable, "-c", "import time; time.sleep(20)"]


@pytest.fixture(autouse=True)
def _handlers():
    """Restore pytest's signal handlers."""
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(signum) for signum in signals]
    yield
    for signum, handler in zip(signals, before, strict=True):
        signal.signal(signum, handler)


@pytest.mark.parametrize("nth", [1, 2])
def test_who_is_just_being_started_when_a_signal_comes_hears_of_it(monkeypatch, nth):
    started, start = [], subprocess.Popen

    def popen(*args, **options):
        started.append(start(*args, **options))
        if len(started) == nth:
            os.kill(os.getpid(), signal.SIGTERM)
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    children = [Child("a", SLEEPS), Child("b", SLEEPS)]
    assert 0 == Supervisor(children, structlog.get_logger()).run()
    assert all(process.returncode == -signal.SIGTERM for process in started)


def test_what_cannot_begin_ends_the_rest_with_its_status():
    rest = Child("rest", SLEEPS)
    fails = Child("fails", [sys.executable, "-c", "raise SystemExit(3)"])
    assert 3 == Supervisor([rest, fails], structlog.get_logger()).run()
    assert -signal.SIGTERM == rest.end()


class Watched(Child):
    """Counts the polls of a child: one each round while all are to end."""

    rounds = 0

    def end(self):
        self.rounds += 1
        return super().end()


def test_a_second_signal_is_passed_on_and_an_echo_is_not(monkeypatch, tmp_path):
    ready, alive = tmp_path / "ready", []
    child = Watched("counts", [sys.executable, "-c", COUNTS, str(ready)])

    def send():
        """Send a signal, and wait for its effect."""
        os.kill(os.getpid(), signal.SIGTERM)
        wanted = child.rounds + 3
        wait_until(lambda: child.rounds >= wanted or Child.end(child) is not None)

    def signals():
        wait_until(ready.exists)
        monkeypatch.setattr(supervisor, "REPEATED_SIGNAL_AFTER_S", WITHIN_S)
        for _ in ("the first", "its echo"):
            send()
            alive.append(Child.end(child) is None)
        monkeypatch.setattr(supervisor, "REPEATED_SIGNAL_AFTER_S", 0)  # as if time had passed
        send()

    sender = threading.Thread(target=signals)
    sender.start()
    assert 0 == Supervisor([child], structlog.get_logger()).run()
    sender.join()
    assert [True, True] == alive
