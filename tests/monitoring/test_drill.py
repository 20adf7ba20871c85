"""Every fault leads to its alert, to a log line that names the cause, and to a runbook that helps.

Real services, a real Prometheus and a real Alertmanager; only the times of the rules are shortened.
The whole drill is `long`: three faults of one service stand for it in `test_short_drill.py`.
"""

import re
import tempfile
import time
from pathlib import Path

import pytest

from tests.plugins.system_packages import require
from tests.tools.monitoring.drill import Row, drilled, report, table
from tests.tools.monitoring.queries import panels, queries_of_the_service, search, searches

FACTOR = 60
"""The factor by which the times of the rules are shortened."""
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),  # the first waits for the whole drill
]


@pytest.fixture(scope="module")
def drill():
    """One drill for all of these tests; with the last of them, everything that it started ends."""
    for executable in ("prometheus", "prometheus-alertmanager", "jq"):
        require(executable)
    # No folder of pytest's: another run of it would close that to PostgreSQL, which is not root.
    with (
        tempfile.TemporaryDirectory(prefix="discount-drill-") as folder,
        drilled(Path(folder), FACTOR, 1) as left,
    ):
        print(report(left.outcomes))  # noqa: T201 - with `pytest -rP`, or when a test fails
        yield left


def name_of(row: Row) -> str:
    return f"{row.alert}: {row.fault}"


def parameters(named):
    return [pytest.param(text, id=name) for name, text in named]


@pytest.mark.parametrize("row", table(), ids=name_of)
class TestFault:
    def test_its_alert_arrives_and_says_what_is_wrong(self, drill, row):
        (outcome,) = [found for found in drill.outcomes if found.row == row]
        assert outcome.alert, "no alert in time"
        annotations = outcome.alert["annotations"]
        assert annotations["runbook_url"].endswith(f"/{row.runbook}")
        assert not re.search(
            "<no value>|<error|%!", annotations["summary"] + annotations["description"]
        )

    def test_a_log_line_names_the_cause(self, drill, row):
        (outcome,) = [found for found in drill.outcomes if found.row == row]
        assert outcome.line is not None, "no line in time"


@pytest.mark.parametrize("query", parameters(queries_of_the_service()))
def test_a_query_of_a_runbook_shows_something(drill, query):
    assert drill.stack.query_range(query, drill.began, time.time())


@pytest.mark.parametrize("line", parameters(searches()))
def test_a_search_of_a_runbook_finds_something(drill, line):
    done = search(line, drill.logs)
    assert "" == done.stderr
    assert done.stdout.strip() not in {"", "0"}


@pytest.mark.parametrize("query", parameters(panels()))
def test_a_panel_of_the_dashboard_shows_something(drill, query):
    assert drill.stack.query_range(query, drill.began, time.time())
