"""The alert rules for PostgreSQL: each fires when it should and only then, and has its runbook."""

import re
import subprocess
import tomllib

import psycopg
import pytest
import yaml

from service.settings import HOME
from tests.monitoring.postgresql_cases import CASES
from tests.plugins.system_packages import require
from tests.support.manifests import K8S, render
from tests.support.postgresql import server_url
from tests.tools.monitoring.promtool import check

RULES = yaml.safe_load((K8S / "components/postgres/rules.yaml").read_text())["spec"]
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Verification"]
METRIC = r"\b(?:cnpg|barman_cloud|kubelet)_\w+"
LABEL = "cnpg_cluster"


def key(rule):
    return rule["alert"], rule["labels"]["severity"]


def page(rule):
    slug = re.sub(r"(?<!^)(?=[A-Z])", "-", rule["alert"].removeprefix("Discount")).lower()
    return HOME / f"docs/runbooks/{slug}.md"


def metrics(text):
    return set(re.findall(METRIC, text)) - {LABEL}


def promql(text):
    return [
        query
        for block in re.findall(r"^ *```promql\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
        for query in block.split("\n\n")
    ]


def test_every_alert_has_cases():
    assert {key(rule) for rule in ALERTS} == set(CASES)
    assert len(ALERTS) == len(CASES)
    assert all(case.fires and case.silent for case in CASES.values())


def test_alerts_fire_when_they_should_and_only_then(tmp_path):
    alone = [{"groups": [{"name": "alone", "rules": [rule]}]} for rule in ALERTS]
    check(
        [(rules, *key(rule), CASES[key(rule)]) for rules, rule in zip(alone, ALERTS, strict=True)],
        tmp_path,
    )


def test_prometheus_accepts_the_rules_and_the_queries_of_the_runbooks(tmp_path):
    pages = {page(rule).read_text() for rule in ALERTS}
    queries = [
        {"record": f"query:{number}", "expr": text}
        for number, text in enumerate(query for text in pages for query in promql(text))
    ]
    groups = [*RULES["groups"], {"name": "queries", "rules": queries}]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}, width=1000))
    command = [require("promtool"), "check", "rules", "--lint=all", "--lint-fatal", "rules.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("rule", ALERTS, ids=key)
def test_an_alert_has_its_runbook(rule):
    urls = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["urls"]
    assert {"summary", "description", "runbook_url"} == rule["annotations"].keys()
    assert f"{urls['Runbooks']}{page(rule).name}" == rule["annotations"]["runbook_url"]
    text = page(rule).read_text()
    assert HEADINGS == re.findall("^## (.*)$", text, re.MULTILINE)
    assert text.startswith(f"# {rule['alert']}: ")
    assert promql(text)
    index = (HOME / "docs/runbooks/README.md").read_text()
    assert f"| `{rule['alert']}` | [{page(rule).stem}]({page(rule).name}) |" in index


def test_every_metric_is_listed_with_its_exporter():
    """What CloudNativePG, its plugin and the kubelet call their metrics, compared by hand."""
    listed = metrics((HOME / "docs/postgresql.md").read_text())
    used = {name for rule in ALERTS for name in metrics(rule["expr"])}
    for rule in ALERTS:
        used |= {name for query in promql(page(rule).read_text()) for name in metrics(query)}
    assert used == listed


@pytest.fixture
def statements():
    """All of the runbooks: none changes anything."""
    texts = (page(rule).read_text() for rule in ALERTS)
    blocks = [
        block
        for text in texts
        for block in re.findall(r"^ *```sql\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    ]
    return {statement.strip() for block in blocks for statement in block.split(";")} - {""}


def test_postgresql_accepts_the_statements_of_the_runbooks(statements):
    assert statements
    with psycopg.connect(server_url(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


class TestThresholds:
    """A number in a rule that repeats one of the manifests."""

    def expr(self, alert, severity):
        (rule,) = (rule for rule in ALERTS if key(rule) == (alert, severity))
        return rule["expr"]

    def test_a_standby_is_missing_if_fewer_are_there_than_the_cluster_has(self):
        instances = render("production").one("Cluster", "discount-db")["spec"]["instances"]
        assert (
            self.expr("DiscountPostgresStandbyMissing", "warning")
            .strip()
            .endswith(f"< {instances - 1}")
        )

    def test_a_backup_is_too_old_if_the_one_of_tonight_is_missing(self):
        (backup,) = render("production").of("ScheduledBackup")
        assert re.fullmatch(r"0 \d+ \d+ \* \* \*", backup["spec"]["schedule"]), "every day"
        found = re.search(r"> (\d+)", self.expr("DiscountBackupTooOld", "warning"))
        assert found
        assert 24 * 3600 < int(found[1]) < 48 * 3600
