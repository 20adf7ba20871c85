import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import structlog

from service.cli import supervisor
from service.cli.supervisor import Child, Supervisor

COUNTS = """
import pathlib, signal, sys, time
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
pathlib.Path(sys.argv[1]).touch()
while len(told) < 2:
    time.sleep(0.01)
"""
SLEEPS = [sys.executable, "-c", "import time; time.sleep(20)"]


@pytest.fixture(autouse=True)
def _handlers():
    """Leave pytest its own handlers of signals."""
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


def test_a_second_signal_is_passed_on_and_an_echo_is_not(monkeypatch, tmp_path):
    monkeypatch.setattr(supervisor, "IMPATIENT_AFTER_S", 1.0)
    ready, alive = tmp_path / "ready", []

    def signals():
        while not ready.exists():
            time.sleep(0.01)
        for wait_s in (0.0, 0.3, 1.5):  # the first one, its echo, and one of somebody impatient
            time.sleep(wait_s)
            alive.append(Path(f"/proc/self/task/{os.getpid()}/children").read_text() != "")
            os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=signals)
    sender.start()
    child = Child("counts", [sys.executable, "-c", COUNTS, str(ready)])
    assert 0 == Supervisor([child], structlog.get_logger()).run()
    sender.join()
    assert [True] * 3 == alive
