"""A short drill on each engine: every answer holds, though processes are killed and restarted.

`test_drill.py` has the longer ones, with every fault there is, and `make drill` the longest.
"""

import pytest

from tests.history.checker import violations
from tests.history.engines.postgresql import postgresql
from tests.history.engines.sqlite import sqlite
from tests.history.evils import KILL, ROLL
from tests.history.replicas import RACY
from tests.history.rig import Plan, drill
from tests.history.summary import summary

SEED = "20262306"
KILLS_AND_A_ROLL = Plan(
    SEED,
    seconds=0,
    rest_s=0.1,
    only=(KILL, ROLL),
    faults=4,
    calls=300,
    clients=8,
    hasty=2,
    pause_s=0.2,
    audited=2,
)
"""A round: three kills, and the rolling restart."""


@pytest.mark.parametrize("engine", [sqlite, postgresql])
def test_every_answer_holds(engine, folder):
    with engine(folder) as database:
        drilled = drill(database, folder, KILLS_AND_A_ROLL)
    found = violations(drilled.history)
    told = summary(drilled, found)
    print(told)  # noqa: T201 - pytest shows it where the test fails
    assert [] == found
    assert "" == drilled.verify
    assert {KILL, ROLL} == {disturbance.name for disturbance in drilled.disturbances}


def test_a_racy_store_is_found_guilty(folder):
    with sqlite(folder) as database:
        plan = Plan(
            SEED, 0, rest_s=1000, calls=500, clients=8, hasty=0, replicas=1, audited=1, serve=RACY
        )
        drilled = drill(database, folder, plan)
    broken = {found.rule for found in violations(drilled.history)}
    assert {"no code is held by two users", "answers survive"} <= broken
