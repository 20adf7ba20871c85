"""Reports of a slow database: at once, and then rarely."""

from typing import Any

from service.observability.metrics.instruments import SLOW_S, Metrics
from service.observability.slow_log import INTERVAL_S, SlowLog


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, event, **fields):
        self.lines.append((event, fields))


def test_the_first_is_logged_and_then_the_slowest_of_many():
    log: Any = Log()
    now = 0.0
    slow_log = SlowLog(log, clock=lambda: now)
    slow_log("read", 0.3)
    for seconds in (0.4, 2.0, 0.5):
        slow_log("write", seconds)
    assert [("database_slow", {"operation": "read", "seconds": 0.3, "operations": 1})] == log.lines
    now = INTERVAL_S
    slow_log("read", 0.6)
    assert ("database_slow", {"operation": "write", "seconds": 2.0, "operations": 4}) == log.lines[
        -1
    ]


def test_only_slow_operations_are_reported():
    heard = []
    metrics = Metrics(lambda *slow: heard.append(slow))
    metrics.read(SLOW_S - 0.001)
    metrics.commit(1, 0, SLOW_S - 0.001)
    metrics.read(SLOW_S)
    metrics.commit(1, 0, 1.0)
    assert [("read", SLOW_S), ("write", 1.0)] == heard
