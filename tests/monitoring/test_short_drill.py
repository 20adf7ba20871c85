"""A few faults of a real service lead to their alerts; `test_drill.py` causes all there are.

That the other rules fire when they should is seen in `test_rules.py`, and that all queries can be
asked in `test_queries.py`.
"""

from tests.plugins.system_packages import require
from tests.tools.monitoring.drill import drilled, report, table
from tests.tools.monitoring.faults import FAULTS, TRACKS
from tests.tools.monitoring.queries import search, searches
from tests.tools.monitoring.rules import alerts, page_of

FACTOR = 60
FEW = (
    "the last code of a pool is handed out",
    "worker processes are killed repeatedly",
    "the server is killed and not restarted",
)


NOT_CAUSED = {"DiscountBackupTooOld"}
"""It waits for two days."""


class TestTable:
    def test_it_has_every_fault_and_every_alert(self):
        assert set(FAULTS) == {row.fault for row in table()}
        assert sorted(FAULTS) == sorted(f for tracks in TRACKS.values() for t in tracks for f in t)
        assert {rule["alert"] for rule in alerts()} - NOT_CAUSED == {row.alert for row in table()}

    def test_it_leads_where_the_alert_leads(self):
        pages = {rule["alert"]: page_of(rule) for rule in alerts()}
        assert {row.alert: row.runbook for row in table()}.items() <= pages.items()


def test_a_few_faults_lead_to_their_alerts_log_lines_and_runbooks(tmp_path):
    for executable in ("prometheus", "prometheus-alertmanager", "jq"):
        require(executable)
    with drilled(tmp_path, FACTOR, 1, faults=FEW) as drill:
        print(report(drill.outcomes))  # noqa: T201 - with `pytest -rP`, or when it fails
    assert list(FEW) == [outcome.row.fault for outcome in drill.outcomes]
    for outcome in drill.outcomes:
        assert outcome.alert, f"no alert in time: {outcome.row.alert}"
        assert outcome.line is not None, f"no line in time: {outcome.row.log}"
        assert outcome.alert["annotations"]["runbook_url"].endswith(f"/{outcome.row.runbook}")
    for name, line in searches():
        assert "" == search(line, drill.logs).stderr, name
