"""The alert rules, as the manifest has them, and with every time made shorter for drills."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from service.settings import HOME

MONITORING = HOME / "deploy/k8s/components/monitoring"
UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
SHORTEST_RANGE_S = 4.0
"""A rate needs two samples, also where one scrape was late."""
_DURATION = r"(\d+)(ms|[smhd])"
_SECONDS_LIMIT = re.compile(r"(seconds[\w:]*\)?\s*[<>]\s*)(\d+)\b")
"""A comparison of a metric that has seconds with a number."""

Rule = dict[str, Any]


@cache
def load() -> dict[str, Any]:
    """Return what Prometheus takes for a rules file."""
    spec: dict[str, Any] = yaml.safe_load((MONITORING / "rules.yaml").read_text())["spec"]
    return spec


def alerts() -> list[Rule]:
    """Return the rules that are alerts."""
    return [rule for group in load()["groups"] for rule in group["rules"] if "alert" in rule]


def page_of(alert: Rule) -> str:
    """Return the file name of an alert's runbook."""
    return str(alert["annotations"]["runbook_url"]).rpartition("/")[2]


def recorded_in(expr: str) -> set[str]:
    """Return the names of the recorded series that a query uses."""
    return set(re.findall(r"\bdiscount:[\w:]+", expr))


def needed_for(alert: str, severity: str) -> dict[str, Any]:
    """Return a rules file with one alert and the recorded series that it is computed from."""
    needed, groups = set[str](), list[dict[str, Any]]()
    for group in reversed(load()["groups"]):  # what is recorded stands before what uses it
        rules: list[Rule] = []
        for rule in reversed(group["rules"]):
            wanted = rule.get("alert") == alert and rule["labels"]["severity"] == severity
            if wanted or rule.get("record") in needed:
                needed |= recorded_in(rule["expr"])
                rules.insert(0, rule)
        groups[:0] = [{"name": group["name"], "rules": rules}] if rules else []
    return {"groups": groups}


def shortened(rule: Rule, factor: float) -> Rule:
    """Return a rule in which every time is shorter by a factor.

    That is how long it must hold, how far it looks back and ahead, and what it compares seconds
    with.
    """

    def window(found: re.Match[str]) -> str:
        return f"[{_milliseconds(found[1], found[2], factor, SHORTEST_RANGE_S)}]"

    def limit(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) / factor}"

    def offset(found: re.Match[str]) -> str:
        return f"offset {_milliseconds(found[1], found[2], factor)}"

    def horizon(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) / factor})"

    expr = re.sub(rf"\[{_DURATION}\]", window, rule["expr"])
    expr = re.sub(rf"offset {_DURATION}", offset, expr)
    expr = re.sub(r"(predict_linear\([^,]+, )(\d+)\)", horizon, expr)
    short = rule | {"expr": _SECONDS_LIMIT.sub(limit, expr)}
    if found := re.fullmatch(_DURATION, rule.get("for", "")):
        short["for"] = _milliseconds(found[1], found[2], factor)
    return short


def write(path: Path, factor: float = 1) -> Path:
    """Write the rules into a file for Prometheus."""
    groups = [
        {"name": group["name"], "rules": [shortened(rule, factor) for rule in group["rules"]]}
        for group in load()["groups"]
    ]
    path.write_text(yaml.safe_dump({"groups": groups}, width=1000) if factor != 1 else _plain())
    return path


def _plain() -> str:
    return yaml.safe_dump(load(), width=1000)


def _milliseconds(number: str, unit: str, factor: float, least_s: float = 0) -> str:
    return f"{round(max(least_s, int(number) * UNITS_S[unit] / factor) * 1000)}ms"
