"""The queries of runbooks and dashboard can be asked, and ask for what there is.

That each of them shows something while things go wrong is seen in `test_drill.py`.
"""

import re
import subprocess

import yaml

from service.settings import HOME
from tests.plugins.system_packages import require
from tests.tools.monitoring.queries import panels, queries, searches
from tests.tools.monitoring.rules import load, recorded_in


def documented(page, pattern):
    return set(re.findall(pattern, (HOME / "docs" / page).read_text(), re.MULTILINE))


def test_prometheus_takes_every_query(tmp_path):
    """As a recording rule each: promtool says of all of them at once where one is wrong."""
    rules = [
        {"record": f"query:{number}", "expr": text, "labels": {"of": name}}
        for number, (name, text) in enumerate([*queries(), *panels()])
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(
        [require("promtool"), "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_they_ask_for_metrics_that_there_are():
    known = documented("metrics.md", r"`(discount_\w+)`")
    groups = load()["groups"]
    recorded = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    for name, query in [*queries(), *panels()]:
        for pattern in re.findall(r'__name__=~"([^"]+)"', query):
            assert [metric for metric in known if re.fullmatch(pattern, metric)], name
        used = set(re.findall(r"\bdiscount_\w+", re.sub(r'"[^"]*"', "", query)))
        assert {re.sub("_(bucket|sum|count)$", "", metric) for metric in used} <= known, name
        assert recorded_in(query) <= recorded, name


def test_the_searches_look_for_events_that_there_are():
    events = documented("logs.md", r"^\| `(\w+)` \|")
    for name, search in searches():
        assert set(re.findall(r'\.event == "(\w+)"', search)) <= events, name
