"""The queries that people use: those of the runbooks, and those of the dashboard."""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from service.settings import HOME
from tests.tools.monitoring.rules import MONITORING, alerts, page_of

RUNBOOKS = HOME / "docs/runbooks"
_PROMQL = re.compile(r"^ *```promql\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_OF_A_CLUSTER = re.compile(r"\b(cnpg|barman_cloud|kubelet)_|\{container=")
_SEARCH = re.compile(r"^ *(logs \| .*)$", re.MULTILINE)

_SHELL = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_ELSEWHERE = re.compile(r"kubectl|https?://|/var/log")
"""What needs a cluster, the internet, or a log of the system."""

Named = Iterator[tuple[str, str]]
"""Texts, each after what names it."""


def queries() -> Named:
    """Yield every query of every runbook."""
    for page in sorted(RUNBOOKS.glob("*.md")):
        blocks = _PROMQL.findall(page.read_text())
        found = [query for block in blocks for query in block.split("\n\n")]
        for number, query in enumerate(found):
            yield f"{page.stem} {number}", query.strip()


def queries_of_the_service() -> Named:
    """Yield those of a runbook that need nothing of a cluster: no operator and no kubelet."""
    return ((name, query) for name, query in queries() if not _OF_A_CLUSTER.search(query))


def searches() -> Named:
    """Yield every search in the log of every runbook."""
    for page in sorted(RUNBOOKS.glob("*.md")):
        for number, line in enumerate(_SEARCH.findall(page.read_text())):
            yield f"{page.stem} {number}", line


def commands() -> Named:
    """Yield every other command of the pages that an alert leads to."""
    pages = {page_of(rule) for rule in alerts()}
    for page in sorted(path for path in RUNBOOKS.glob("*.md") if path.name in pages):
        blocks = (block.replace("\\\n", "") for block in _SHELL.findall(page.read_text()))
        lines = [line.strip() for block in blocks for line in block.splitlines()]
        for number, line in enumerate(line for line in lines if not line.startswith("logs |")):
            yield f"{page.stem} {number}", line


def of_kubernetes() -> Named:
    """Yield the commands for Kubernetes."""
    return ((name, line) for name, line in commands() if "kubectl" in line)


def of_the_machine() -> Named:
    """Yield the commands for the machine that the service runs on."""
    return ((name, line) for name, line in commands() if not _ELSEWHERE.search(line))


def search(line: str, logs: Iterable[Path]) -> subprocess.CompletedProcess[str]:
    """Search in logs as a runbook does."""
    script = f"logs() {{ cat {' '.join(map(str, logs))}; }}\n{line}"
    return subprocess.run(
        ["/bin/bash", "-eu", "-o", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    found: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
    return found


def panels() -> Named:
    """Yield every query of the dashboard, with its variables as Grafana would fill them in."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            expr = re.sub(r"\$(cluster|namespace|job)\b", ".*", target["expr"])
            yield (
                f"{panel['title']} {target['refId']}",
                expr.replace("$__rate_interval", "5s"),
            )
