"""The alert rules: each fires when it should and only then, and leads to its runbook."""

import re
import subprocess
import tomllib

import pytest

from service.settings import HOME
from tests.monitoring.cases import CASES
from tests.plugins.system_packages import require
from tests.tools.monitoring.promtool import check
from tests.tools.monitoring.rules import alerts, load, needed_for, page_of, shortened, write

HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Verification"]


@pytest.fixture(scope="session")
def promtool():
    return require("promtool")


def names():
    return {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()}


def test_every_alert_has_cases_in_which_it_fires_and_in_which_it_does_not():
    assert names() == set(CASES)
    assert all(case.fires and case.silent for case in CASES.values())


def test_alerts_fire_when_they_should_and_only_then(tmp_path):
    """Each with the rules that it needs and no other: promtool computes all of a file's."""
    check(
        [
            (needed_for(alert, severity), alert, severity, case)
            for (alert, severity), case in CASES.items()
        ],
        tmp_path,
    )


@pytest.mark.parametrize("factor", [1, 60])
def test_prometheus_takes_the_rules(promtool, tmp_path, factor):
    rules = write(tmp_path / "rules.yml", factor)
    command = [promtool, "check", "rules", "--lint=all", "--lint-fatal", rules]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


def test_a_shortened_rule_is_shorter_everywhere():
    rule = {"expr": "max by (x) (a_seconds) > 600 and rate(b[1h]) > 5 and c[3d] < 7", "for": "2m"}
    assert {
        "expr": "max by (x) (a_seconds) > 10.0 and rate(b[60000ms]) > 5 and c[4320000ms] < 7",
        "for": "2000ms",
    } == shortened(rule, 60)


class TestAnnotations:
    @pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
    def test_an_alert_says_what_is_wrong_and_where_to_read_on(self, rule):
        assert {"summary", "description", "runbook_url"} == rule["annotations"].keys()
        assert rule["labels"]["severity"] in {"critical", "warning"}
        slug = re.sub(r"(?<!^)(?=[A-Z])", "-", rule["alert"].removeprefix("Discount")).lower()
        urls = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["urls"]
        assert f"{urls['Runbooks']}{slug}.md" == rule["annotations"]["runbook_url"]

    @pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
    def test_its_runbook_has_the_five_sections(self, rule):
        text = (HOME / "docs/runbooks" / page_of(rule)).read_text()
        assert HEADINGS == re.findall("^## (.*)$", text, re.MULTILINE)
        assert rule["alert"] in text
        assert "```promql\n" in text
        assert "jq " in text

    def test_a_runbook_without_an_alert_says_that_it_is_none(self):
        """Planned maintenance, unlike that at night; the index distinguishes the two."""
        index = (HOME / "docs/runbooks/README.md").read_text()
        pages = {path.name for path in (HOME / "docs/runbooks").glob("*.md")} - {"README.md"}
        listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", index))
        assert pages == listed
        assert {page_of(rule) for rule in alerts()} <= pages


def test_no_rule_names_a_metric_that_is_not_documented():
    documented = set(re.findall(r"`(discount_\w+)`", (HOME / "docs/metrics.md").read_text()))
    groups = load()["groups"]
    recorded = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    for group in groups:
        for rule in group["rules"]:
            used = set(re.findall(r"\b(discount_\w+)", rule["expr"]))
            assert {re.sub("_(bucket|sum|count)$", "", name) for name in used} <= documented
            assert set(re.findall(r"\b(discount:[\w:]+)", rule["expr"])) <= recorded
