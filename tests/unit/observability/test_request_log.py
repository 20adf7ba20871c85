"""The line of a request: its level, and whom it came from."""

import pytest

from service.observability.exchange import Exchange, Pseudonyms, RequestRecord
from service.observability.request_log import RequestLog

CALL = {"REQUEST_METHOD": "GET", "REMOTE_ADDR": "192.0.2.7"}


class Log:
    """Keeps what is logged, with its level."""

    def __init__(self):
        self.lines = []

    def info(self, _event, **fields):
        self.lines.append(("info", fields))

    def warning(self, _event, **fields):
        self.lines.append(("warning", fields))

    def error(self, _event, **fields):
        self.lines.append(("error", fields))


class Metrics:
    """Counts requests."""

    def __init__(self):
        self.requests = 0

    def request(self, *_):
        self.requests += 1


@pytest.fixture
def finish():
    """Finish a request, and return its line, if it has one."""

    def finished(status, environ=CALL, *, reported=False, logged=True):
        log, metrics = Log(), Metrics()
        exchange = Exchange(RequestRecord({}, Pseudonyms(lambda: b"")))
        exchange.record.reported, exchange.logged = reported, logged
        requests = RequestLog(Pseudonyms(lambda: b""), metrics, log)  # type: ignore[arg-type]
        requests.finish(environ, status, 0.1, exchange)
        assert 1 == metrics.requests
        return log.lines

    return finished


@pytest.mark.parametrize(
    ("status", "reported", "level"),
    [
        (200, False, "info"),
        (404, False, "info"),
        (500, False, "error"),
        (503, True, "warning"),
        (507, False, "error"),
    ],
)
def test_a_failure_has_one_line_of_level_error(finish, status, reported, level):
    """Which tells the cause, if it is known."""
    ((found, _),) = finish(status, reported=reported)
    assert level == found


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_a_call_that_is_rejected_or_fails_has_its_peer(finish, status):
    ((_, fields),) = finish(status)
    assert "192.0.2.7" == fields["peer"]


def test_a_call_that_succeeds_has_none(finish):
    ((_, fields),) = finish(200)
    assert fields["peer"] is None


def test_a_request_of_which_nothing_is_known_is_logged(finish):
    ((_, fields),) = finish(400, {})
    assert ("other", None) == (fields["method"], fields["peer"])


def test_a_probe_whose_answer_has_not_changed_is_counted_alone(finish):
    assert [] == finish(200, logged=False)
