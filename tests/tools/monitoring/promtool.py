"""Unit tests of alert rules, as promtool runs them."""

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.plugins.system_packages import require

Series = dict[str, str]
"""A value for each interval, by series; `1 2x3` is promtool's notation for 1 and four times 2."""


class Only(NamedTuple):
    """Series of which some make the rule fire, and others do not."""

    series: Series
    selector: str
    """Of the alerts that fire: at least one of these, and no others."""


class Case(NamedTuple):
    """The series that make one rule fire, and those that do not."""

    at: str
    """When the rule is evaluated."""
    fires: Sequence[Series | Only]
    silent: Sequence[Series]
    interval: str = "1m"
    """Between two values, and between two evaluations."""


def check(cases: Iterable[tuple[dict[str, Any], str, str, Case]], folder: Path) -> None:
    """Assert that each alert, in its rules file, fires in its cases, and only in those.

    All in one run: promtool takes longer to start than to compute them.

    Raises:
        AssertionError: One does not; the message is promtool's.
    """
    files = []
    for number, (rules, alert, severity, case) in enumerate(cases):
        (folder / f"{number}.rules.yml").write_text(yaml.safe_dump(rules, width=1000))
        tests = {
            "rule_files": [f"{number}.rules.yml"],
            "evaluation_interval": case.interval,
            "group_eval_order": [group["name"] for group in rules["groups"]],
            "tests": list(_tests(alert, severity, case)),
        }
        files.append(f"{alert}-{severity}.tests.yml")
        (folder / files[-1]).write_text(yaml.safe_dump(tests, width=1000))
    done = subprocess.run(
        [require("promtool"), "test", "rules", *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert len(files) == done.stdout.count("SUCCESS")


def _tests(alert: str, severity: str, case: Case) -> Iterator[dict[str, Any]]:
    firing = f'alertname="{alert}",severity="{severity}",alertstate="firing"'
    for fires, inputs in ((True, case.fires), (False, case.silent)):
        for number, given in enumerate(inputs):
            series, selector = given if isinstance(given, Only) else (given, "")
            yield {
                "name": f"{alert} {severity} {'fires' if fires else 'is silent'} {number}",
                "interval": case.interval,
                "input_series": [{"series": k, "values": v} for k, v in series.items()],
                "promql_expr_test": list(_expected(firing, selector, case.at, fires=fires)),
            }


def _expected(firing: str, selector: str, at: str, *, fires: bool) -> Iterator[dict[str, Any]]:
    meant = f"ALERTS{{{firing},{selector}}}" if selector else f"ALERTS{{{firing}}}"
    samples = [{"labels": "{}", "value": 1}] if fires else []
    yield {"expr": f"count({meant}) > bool 0", "eval_time": at, "exp_samples": samples}
    if selector:
        others = f"count(ALERTS{{{firing}}} unless {meant})"
        yield {"expr": others, "eval_time": at, "exp_samples": []}
