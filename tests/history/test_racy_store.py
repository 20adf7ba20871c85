"""The checker finds the violations of a store that selects first and updates later.

It runs on SQLite, as PostgreSQL shows no other violation; `test_drill.py` has both.
"""

import pytest

from tests.tools.history.checker import violations
from tests.tools.history.engines.sqlite import sqlite
from tests.tools.history.replicas import RACY
from tests.tools.history.rig import Plan, drill

PLAN = Plan(
    "20262306",
    seconds=0,
    rest_s=1000,
    calls=1000,
    clients=16,
    short_timeouts=0,
    audited=1,
    serve=RACY,
)


@pytest.mark.long  # test_faulty_services.py finds a code that goes to two, in this process
def test_a_racy_store_is_found_guilty(folder):
    with sqlite(folder) as database:
        drilled = drill(database, folder, PLAN)
    broken = {found.rule for found in violations(drilled.history)}
    assert {"no code is held by two users", "answers survive"} <= broken
