"""Every fault leads to its alert, to a log line that names the cause, and to a runbook that helps.

Real services, a real Prometheus and a real Alertmanager; only the times of the rules are shortened.
"""

import json
import re
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from service.settings import HOME
from tests.monitoring.drill import Row, drilled, report, table
from tests.monitoring.faults import FAULTS, TRACKS
from tests.monitoring.rules import MONITORING, alerts, page_of
from tests.system_packages import require

FACTOR = 60
"""How many times shorter than in earnest the times of the rules are."""
RUNBOOKS = HOME / "docs/runbooks"
pytestmark = [
    pytest.mark.timeout(600),  # the first waits for the whole drill
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


def queries():
    """Every query of every runbook."""
    return [
        pytest.param(query.strip(), id=f"{page.stem} {number}")
        for page in sorted(RUNBOOKS.glob("*.md"))
        for number, query in enumerate(
            query
            for block in re.findall(
                r"^```promql\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL
            )
            for query in block.split("\n\n")
        )
    ]


def log_queries():
    """Every search in the log of every runbook."""
    return [
        pytest.param(line, id=f"{page.stem} {number}")
        for page in sorted(RUNBOOKS.glob("*.md"))
        for number, line in enumerate(re.findall(r"^logs \| .*$", page.read_text(), re.MULTILINE))
    ]


def panels():
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    return [
        pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]


def as_grafana_would(expr):
    return expr.replace("$namespace", ".*").replace("$__rate_interval", "5s")


class TestTable:
    def test_it_has_every_fault_and_every_alert(self):
        assert set(FAULTS) == {row.fault for row in table()}
        assert sorted(FAULTS) == sorted(f for tracks in TRACKS.values() for t in tracks for f in t)
        assert {rule["alert"] for rule in alerts()} == {row.alert for row in table()}

    def test_it_leads_where_the_alert_leads(self):
        pages = {rule["alert"]: page_of(rule) for rule in alerts()}
        assert {row.alert: row.runbook for row in table()} == pages


@pytest.mark.parametrize("row", table(), ids=name_of)
class TestFault:
    def test_its_alert_arrives_and_says_what_is_wrong(self, drill, row):
        (outcome,) = [found for found in drill.outcomes if found.row == row]
        assert outcome.alert, "no alert in time"
        said = outcome.alert["annotations"]
        assert said["runbook_url"].endswith(f"/{row.runbook}")
        assert not re.search("<no value>|<error|%!", said["summary"] + said["description"])

    def test_a_log_line_names_the_cause(self, drill, row):
        (outcome,) = [found for found in drill.outcomes if found.row == row]
        assert outcome.line, "no line in time"


@pytest.mark.parametrize("query", queries())
def test_a_query_of_a_runbook_shows_something(drill, query):
    assert drill.stack.query_range(query, drill.began, time.time())


@pytest.mark.parametrize("line", log_queries())
def test_a_search_of_a_runbook_finds_something(drill, line):
    files = " ".join(map(str, drill.logs))
    script = f"logs() {{ cat {files}; }}\n{line}"
    done = subprocess.run(
        ["/bin/bash", "-eu", "-o", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "" == done.stderr
    assert done.stdout.strip() not in {"", "0"}


@pytest.mark.parametrize("query", panels())
def test_a_panel_of_the_dashboard_shows_something(drill, query):
    assert drill.stack.query_range(as_grafana_would(query), drill.began, time.time())
