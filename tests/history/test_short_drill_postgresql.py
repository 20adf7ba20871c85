"""A short drill on PostgreSQL: every answer stays true, though workers and backends are killed.

It has a file of its own, so that it runs beside the one on SQLite. That one has the rolling
restart, which does not depend on the engine; `test_drill.py` has both on both.
"""

from dataclasses import replace

from tests.tools.history.engines.postgresql import KILL_BACKEND, postgresql
from tests.tools.history.faults import KILL
from tests.tools.history.holding import SHORT, drill_and_check

FAULTS = (KILL, KILL_BACKEND)


def test_every_answer_holds(folder):
    plan = replace(SHORT, only=FAULTS, replicas=1)
    assert set(FAULTS) == drill_and_check(postgresql, folder, plan)
