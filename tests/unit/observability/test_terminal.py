"""Lines of the log on a terminal: short, and without what only machines need."""

import io
import re

import pytest

from service.observability.logging import build_logger
from service.settings import Settings

REQUEST = {
    "request_id": "r1",
    "method": "PUT",
    "route": "/v1/brands/{brand}",
    "status": 201,
    "duration_ms": 3.14159,
    "brand": "brand1",
    "campaign": "default",
    "outcome": "new",
    "problem": None,
}


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def shown():
    """Log an event, and return what a terminal shows, without colours and the time."""
    settings = Settings(database_url="", jwt_secret="", pseudonym_key="", log_level="debug")

    def log(level, event, **fields):
        terminal = Terminal()
        getattr(build_logger(settings, terminal), level)(event, **fields)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
        return re.sub(r"^\d\d:\d\d:\d\d ", "", plain)

    return log


def test_a_request_is_one_short_line(shown):
    line = shown("info", "request", **REQUEST)
    assert "201 PUT  /v1/brands/{brand} 3.1 ms  new brand1 default\n" == line


def test_a_refused_request_names_its_problem(shown):
    refused = {"status": 404, "problem": "no-codes-left", "outcome": "refused"}
    assert "404 PUT  " in (line := shown("info", "request", **REQUEST | refused))
    assert line.endswith("no-codes-left brand1 default\n")


@pytest.mark.parametrize(("status", "lines"), [(200, 0), (503, 1)])
def test_probes_are_silent_unless_they_fail(shown, status, lines):
    probe = {"route": "/readyz", "status": status}
    assert lines == shown("info", "request", **REQUEST | probe).count("\n")


def test_another_event_has_its_name_and_what_is_known(shown):
    assert "job_taken job=5 done=0\n" == shown("info", "job_taken", job=5, done=0, detail=None)


def test_an_error_has_its_stack(shown):
    try:
        int("secret")
    except ValueError as error:
        line = shown("error", "request_failed", exc_info=error)
    assert "request_failed exception=" in line
    assert "test_terminal.py" in line
    assert "secret" not in line


def test_a_terminal_obeys_nothing_that_is_logged(shown):
    line = shown("info", "library_message", message="\x1b[2Jgone\nforged")
    assert line.count("\n") == 1
    assert "\\x1b[2J" in line
