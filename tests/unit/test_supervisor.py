import os
import signal
import subprocess
import sys

import pytest
import structlog

from service.supervisor import Child, Supervisor

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
