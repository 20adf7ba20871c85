"""A short drill: every answer stays true, though workers are killed and servers restart.

`test_drill.py` has longer ones with all faults, and `make drill` the longest.
"""

from dataclasses import replace

from tests.tools.history.engines.sqlite import sqlite
from tests.tools.history.faults import KILL, ROLL
from tests.tools.history.holding import SHORT, drill_and_check

FAULTS = (KILL, ROLL)


def test_every_answer_holds(folder):
    assert set(FAULTS) == drill_and_check(sqlite, folder, replace(SHORT, only=FAULTS))
