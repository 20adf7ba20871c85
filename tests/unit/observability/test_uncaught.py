"""Exceptions that nobody catches are lines of the log, without their texts."""

import json
import sys
import threading
from io import StringIO

import pytest

from service.observability.logging import build_logger
from service.observability.messages import exit_with
from service.observability.uncaught import log_uncaught_exceptions
from service.settings import Settings


@pytest.fixture
def lines(monkeypatch):
    """Log uncaught exceptions, and return the lines."""
    for owner, hook in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(owner, hook, getattr(owner, hook))
    output = StringIO()
    log_uncaught_exceptions(build_logger(Settings(), output))
    return lambda: [json.loads(line) for line in output.getvalue().splitlines()]


def fail():
    raise ValueError("a secret")


class Unraisable:
    def __del__(self):
        fail()


def in_main_thread():
    try:
        fail()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)


def in_thread():
    thread = threading.Thread(target=fail, name="readiness")
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("happen", "thread"),
    [(in_main_thread, "main"), (in_thread, "readiness"), (Unraisable, "finalizer")],
)
def test_an_exception_is_a_line_wherever_it_was_raised(happen, thread, lines):
    happen()
    (line,) = lines()
    assert ("uncaught_exception", thread) == (line["event"], line["thread"])
    assert ["builtins.ValueError"] == line["exception"]
    assert any("fail" in frame for frame in line["stack"])
    assert "secret" not in str(line)


def test_a_thread_may_exit(lines):
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    assert [] == lines()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_server_that_cannot_start_says_so_in_the_form_of_its_log(terminal, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with pytest.raises(SystemExit) as ended:
        exit_with("PORT is taken.")
    said = str(ended.value.code)
    assert "PORT is taken." == (
        said.removeprefix("discount: ") if terminal else json.loads(said)["message"]
    )
