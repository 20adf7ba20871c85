"""Clients of an application in this process: what it answers to calls at once is always right."""

from tests.tools.history.checker import violations
from tests.tools.history.history import Kind
from tests.tools.history.in_process import drill_in_process

CALLS = 600


def test_every_answer_holds(app):
    history = drill_in_process(app, CALLS, "20262306", wanted=frozenset(Kind))
    assert [] == violations(history)
