"""Key rings in tests: intervals, logs, and waiting for keys."""

import time

from service.auth.keys.providers import RefreshIntervals

FAST = RefreshIntervals(refresh_s=0.1, on_demand_s=0.05, retry_s=0.02)

ON_DEMAND = RefreshIntervals(refresh_s=60, on_demand_s=0.2)


class Log:
    """A log that keeps its lines."""

    def __init__(self):
        self.lines = []

    def info(self, event, **fields):
        self.lines.append((event, fields))

    warning = info

    def reasons(self):
        return [fields["reason"] for event, fields in self.lines if event == "keys_not_renewed"]


def until(condition, within_s=10):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def kids(ring):
    return set(ring.current())
