"""A drill on each engine: every answer stays true, whatever is killed, stopped or cut.

`test_short_drill.py` has a shorter one, and `make drill` runs as long as you like.
"""

import pytest

from tests.tools.history.checker import violations
from tests.tools.history.engines.postgresql import postgresql
from tests.tools.history.engines.sqlite import sqlite
from tests.tools.history.faults import ROLL
from tests.tools.history.holding import drill_and_check
from tests.tools.history.replicas import RACY
from tests.tools.history.rig import Plan, drill

SEED = "20262306"
FAULTS = 6
"""A seed whose first faults are a rolling restart and a kill -9 of each kind."""
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

CALLS = 1000
"""Calls that must be answered, however long that takes."""


@pytest.mark.parametrize("engine", [sqlite, postgresql])
def test_every_answer_holds(engine, folder):
    plan = Plan(SEED, seconds=5, rest_s=0.2, faults=FAULTS, calls=CALLS, audited=5)
    assert ROLL in drill_and_check(engine, folder, plan)


@pytest.mark.parametrize("engine", [sqlite, postgresql])
def test_a_racy_store_is_found_guilty(engine, folder):
    with engine(folder) as database:
        drilled = drill(
            database, folder, Plan(SEED, seconds=3, rest_s=1000, calls=CALLS, audited=1, serve=RACY)
        )
    broken = {found.rule for found in violations(drilled.history)}
    assert {"no code is held by two users", "answers survive"} <= broken
