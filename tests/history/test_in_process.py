"""Clients of an application in this process: what it answers to calls at once is always right."""

from tests.tools.history import checkouts, workload
from tests.tools.history.checker import violations
from tests.tools.history.history import Kind
from tests.tools.history.in_process import drill_in_process

CALLS = 600
CALLS_A_BRAND = 80
WORK = (*workload.WORK, (workload.Client.create, 6), (checkouts.erase, 4))
"""Enough of each kind of call, although there are few calls."""


def test_every_answer_holds(app, monkeypatch):
    monkeypatch.setattr(workload, "WORK", WORK)
    monkeypatch.setattr(workload, "CALLS_A_BRAND", CALLS_A_BRAND)
    history = drill_in_process(app, CALLS, "20262306")
    assert [] == violations(history)
    assert set(Kind) == {call.kind for call in history.calls if call.done}
