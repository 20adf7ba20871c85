"""The sample of an AlertmanagerConfig: it pages for what is critical, and inhibits what follows."""

import os
import subprocess

import yaml

from service.settings import HOME
from tests.plugins.system_packages import require
from tests.support.manifests import K8S
from tests.tools.monitoring.rules import alerts

PLAIN = yaml.safe_load((HOME / "config/prometheus/alertmanager.yml").read_text())
SAMPLE = yaml.safe_load((K8S / "components/paging/alertmanagerconfig.yaml").read_text())["spec"]


def plain(matchers):
    """Write matchers of the operator as Alertmanager's own configuration has them."""
    return {"{name} {matchType} {value}".format(**matcher).replace('"', "") for matcher in matchers}


def test_it_inhibits_what_the_plain_configuration_inhibits():
    assert [
        (plain(rule["sourceMatch"]), plain(rule["targetMatch"]), rule["equal"])
        for rule in SAMPLE["inhibitRules"]
    ] == [
        (
            {matcher.replace('"', "") for matcher in rule["source_matchers"]},
            {matcher.replace('"', "") for matcher in rule["target_matchers"]},
            rule["equal"],
        )
        for rule in PLAIN["inhibit_rules"]
    ]


def test_only_alerts_that_exist_inhibit_others():
    known = {rule["alert"] for rule in alerts()}
    named = {
        name
        for rule in SAMPLE["inhibitRules"]
        for matcher in [*rule["sourceMatch"], *rule["targetMatch"]]
        if matcher["name"] == "alertname"
        for name in matcher["value"].split("|")
    }
    assert named <= known


def test_what_is_critical_pages():
    (page,) = SAMPLE["route"]["routes"]
    assert {"severity = critical"} == plain(page["matchers"])
    receivers = {receiver["name"]: receiver for receiver in SAMPLE["receivers"]}
    assert "pagerdutyConfigs" in receivers[page["receiver"]]
    assert SAMPLE["route"]["receiver"] in receivers


def test_kustomize_adds_it_to_an_overlay(tmp_path):
    component = os.path.relpath(K8S / "components/paging", tmp_path)
    overlay = {"namespace": "shop", "components": [component]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    done = subprocess.run(
        [require("kubectl"), "kustomize", tmp_path], capture_output=True, text=True, check=True
    )
    (made,) = yaml.load_all(done.stdout, yaml.BaseLoader)
    assert ("AlertmanagerConfig", "shop") == (made["kind"], made["metadata"]["namespace"])
