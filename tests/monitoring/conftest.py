"""One drill for all tests that need what it leaves."""

import tempfile
from pathlib import Path

import pytest

from tests.monitoring.drill import drilled, report
from tests.system_packages import require

FACTOR = 60
"""How many times shorter than in earnest the times of the rules are."""


@pytest.fixture(scope="package")
def drill():
    for executable in ("prometheus", "prometheus-alertmanager", "jq"):
        require(executable)
    # No folder of pytest's: another run of it would close that to PostgreSQL, which is not root.
    with (
        tempfile.TemporaryDirectory(prefix="discount-drill-") as folder,
        drilled(Path(folder), FACTOR, 1) as left,
    ):
        print(report(left.outcomes))  # noqa: T201 - with `pytest -rP`, or when a test fails
        yield left
