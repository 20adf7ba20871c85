"""The final check of every drill: each answer stays true, whatever happened to the service."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tests.tools.history.checker import violations
from tests.tools.history.engines.engine import Engine
from tests.tools.history.replicas import forked, forked_worker
from tests.tools.history.rig import Plan, drill
from tests.tools.history.summary import summary

SHORT = Plan(
    "20262306",
    seconds=0,
    rest_s=0.1,
    faults=4,
    most=4,
    calls=300,
    clients=8,
    short_timeouts=2,
    pause_s=0.2,
    audited=2,
    serve=forked,
    work=forked_worker,
)
"""Seconds for four faults of a second or two each."""


def drill_and_check(
    engine: Callable[[Path], AbstractContextManager[Engine]], folder: Path, plan: Plan
) -> set[str]:
    """Run a drill, require that no guarantee was violated, and return the names of the faults."""
    with engine(folder) as database:
        drilled = drill(database, folder, plan)
    found = violations(drilled.history)
    text = summary(drilled, found)
    print(text)  # noqa: T201 - pytest shows it where the test fails
    assert [] == found
    assert "" == drilled.verify
    return {disturbance.name for disturbance in drilled.disturbances}
