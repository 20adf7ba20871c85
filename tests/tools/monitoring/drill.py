"""The drill: cause each fault, and wait for its alert in Alertmanager and for its log line.

`make alert-drill` runs it with the rules as they are, which takes half an hour; the tests
with every time in them sixty times shorter, and most of them with a few faults alone.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from service.settings import HOME
from tests.tools.monitoring.faults import FAULTS, TRACKS, Tracks
from tests.tools.monitoring.scene import SQLITE, Scene, short_scene, whole_scene
from tests.tools.monitoring.stack import Stack, monitoring, until
from tests.tools.monitoring.surroundings import logs_of

JQ = shutil.which("jq") or "jq"
DOCUMENT = HOME / "docs/alerts.md"
_ROW = re.compile(
    r"^\| ([^|`]+) \| `(\w+)` \| (?:`([^`]+)`|—) \| \[[^]]+\]\(runbooks/([a-z-]+\.md)\) \|"
)


class Row(NamedTuple):
    """A row of the table of faults."""

    fault: str
    alert: str
    log: str
    """A condition of jq's on a log line; empty if there is none to see."""
    runbook: str


@dataclass(frozen=True)
class Outcome:
    """What one row of the table led to; `None` is what did not come in time."""

    row: Row
    seconds: float | None
    """From the fault to the alert."""
    alert: dict[str, Any] | None
    line: str | None


@dataclass
class Drilled:
    """What the drill has left, for further tests."""

    stack: Stack
    began: float
    """When, Unix time."""
    outcomes: list[Outcome] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)


def table() -> list[Row]:
    """Return the table of faults."""
    lines = DOCUMENT.read_text().splitlines()
    return [
        Row(*(cell.replace("\\|", "|") for cell in found.groups("")))
        for line in lines
        if (found := _ROW.match(line))
    ]


def matching(lines: str, condition: str) -> str:
    """Return the log lines that a condition of jq's holds of."""
    done = subprocess.run(
        [JQ, "--raw-input", "--compact-output", f"fromjson? | objects | select({condition})"],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _end_of_lines(log: Path) -> int:
    """Return where the last whole line of a log ends; one may just be written, a page at a time."""
    whole, newline, _ = log.read_bytes().rpartition(b"\n")
    return len(whole + newline)


def _lines_from(log: Path, offset: int) -> str:
    with log.open("rb") as file:
        file.seek(offset)
        whole, newline, _ = file.read().rpartition(b"\n")
    return (whole + newline).decode()


class Watch:
    """Waits for what the rows of one fault promise."""

    def __init__(self, stack: Stack, namespace: str, logs: Sequence[Path]) -> None:
        self._stack = stack
        self._namespace = namespace
        self._logs = logs
        self._began = 0.0
        self._offsets: dict[Path, int] = {}
        self._searched: dict[tuple[Row, Path], int] = {}
        """Up to where a log was searched for a row's line, in vain."""

    def begin(self, rows: list[Row], within_s: float) -> None:
        """See that nothing fires yet that the fault should lead to, and note when it begins."""
        alerts = {row.alert for row in rows}
        until(lambda: not alerts & self._firing().keys(), f"{alerts} fire already", within_s)
        self._began = time.monotonic()
        self._offsets = {log: _end_of_lines(log) for log in self._logs}

    def outcomes(self, rows: list[Row], within_s: float) -> Iterator[Outcome]:
        """Wait for alerts and log lines, from the moment of the fault on."""
        began = self._began
        seen: dict[Row, float] = {}
        alerts: dict[Row, dict[str, Any]] = {}
        lines: dict[Row, str] = {row: "" for row in rows if not row.log}
        while time.monotonic() - began < within_s and len(alerts) + len(lines) < 2 * len(rows):
            firing = self._firing()
            for row in rows:
                if row.alert in firing and row not in alerts:
                    alerts[row], seen[row] = firing[row.alert], time.monotonic() - began
                if row in alerts and row not in lines and (line := self._search(row)):
                    lines[row] = line
            time.sleep(0.5)
        for row in rows:
            yield Outcome(row, seen.get(row), alerts.get(row), lines.get(row))

    def _search(self, row: Row) -> str | None:
        """Return the first line that a row promises, in what was logged since the last search."""
        for log, begin in self._offsets.items():
            offset = self._searched.get((row, log), begin)
            lines = _lines_from(log, offset)
            self._searched[row, log] = offset + len(lines.encode())
            if found := matching(lines, row.log):
                return found.splitlines()[0]
        return None

    def _firing(self) -> dict[str, dict[str, Any]]:
        return {
            alert["labels"]["alertname"]: alert
            for alert in self._stack.alerts()
            if alert["labels"].get("namespace") == self._namespace
        }


@contextmanager
def drilled(
    folder: Path, factor: float, pace_s: float, *, faults: Sequence[str] | None = None
) -> Iterator[Drilled]:
    """Run the drill; Prometheus is there until the block is left.

    Args:
        folder: Where everything keeps its data.
        factor: How many times shorter than in earnest the times of the rules are.
        pace_s: How often Prometheus looks, in seconds.
        faults: Some that the service on SQLite alone can have; `None`: all there are.
    """
    within_s = 120 + 900 / factor  # a busy machine is slow, and no alert is the worse for it
    scene = whole_scene if faults is None else short_scene
    tracks = TRACKS if faults is None else {SQLITE: [faults]}
    with (
        scene(folder, factor, pace_s) as there,
        monitoring(folder, there.targets, factor, pace_s) as stack,
    ):
        there = replace(there, stack=stack)  # noqa: PLW2901 - the same, watched
        logs = [log for service in there.services.values() for log in logs_of(service)]
        drill = Drilled(stack, time.time(), logs=logs)
        _wait_until_well(there, stack, within_s)
        drill.outcomes += _run(tracks, there, stack, within_s)
        yield drill


def _wait_until_well(there: Scene, stack: Stack, within_s: float) -> None:
    services = len(there.services)
    until(
        lambda: len(stack.query("discount:http_errors:ratio_rate5m")) == services,
        "Prometheus does not scrape the services",
        within_s,
    )
    until(lambda: not stack.alerts(), f"Something is wrong already: {stack.alerts()}", within_s)


def _run(tracks: Tracks, there: Scene, stack: Stack, within_s: float) -> list[Outcome]:
    """Cause the faults of a track one after the other, beside those of other tracks."""

    def run(namespace: str, faults: Sequence[str]) -> list[Outcome]:
        watch = Watch(stack, namespace, logs_of(there.services[namespace]))
        return [outcome for fault in faults for outcome in _cause(fault, there, watch, within_s)]

    pairs = [(name, track) for name, of_service in tracks.items() for track in of_service]
    with ThreadPoolExecutor(len(pairs)) as pool:
        return [outcome for some in pool.map(run, *zip(*pairs, strict=True)) for outcome in some]


def _cause(fault: str, there: Scene, watch: Watch, within_s: float) -> list[Outcome]:
    rows = [row for row in table() if row.fault == fault]
    watch.begin(rows, within_s)
    with FAULTS[fault](there):
        found = list(watch.outcomes(rows, within_s))
    sys.stderr.write(report(found) + "\n")
    return found


def report(outcomes: list[Outcome]) -> str:
    """Say of each row how many seconds it took, and which log line named the cause."""
    lines = [f"{'s':>6}  {'alert':31}  fault"]
    for row, seconds, _, line in ((o.row, o.seconds, o.alert, o.line) for o in outcomes):
        taken = "-" if seconds is None else f"{seconds:.1f}"
        lines += [f"{taken:>6}  {row.alert:31}  {row.fault}", f"{'':8}{_shown(line)}"]
    return "\n".join(lines)


def _shown(line: str | None) -> str:
    return "no line in time" if line is None else line[:160] or "(no line is expected)"


def main() -> None:
    """Run the drill with the rules as they are, or shortened."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--factor", type=float, default=1, help="how many times shorter")
    parser.add_argument("--pace", type=float, default=15, help="seconds between two scrapes")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        drilled(Path(folder), arguments.factor, arguments.pace) as drill,
    ):
        sys.stdout.write(report(drill.outcomes) + "\n")
        sys.exit(any(outcome.alert is None or outcome.line is None for outcome in drill.outcomes))


if __name__ == "__main__":
    main()
