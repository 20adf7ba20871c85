"""When each alert fires and when it does not: series as promtool has them, a value a minute.

A number and `x60` are that number, and 60 times more; `0+5x60` grows by 5 each time; `_x60` is
nothing, 60 times.
"""

from tests.monitoring.cases import availability, database, operation, pools, symptoms

CASES = {
    **symptoms.CASES,
    **availability.CASES,
    **pools.CASES,
    **database.CASES,
    **operation.CASES,
}
