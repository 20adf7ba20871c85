"""`make drill` injects faults for some time, and checks every answer ever given.

Settings: DRILL_ENGINE (sqlite, postgresql or patroni), DRILL_MINUTES, DRILL_SEED.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tests.tools.history import history
from tests.tools.history.checker import violations
from tests.tools.history.engines.cluster import missing
from tests.tools.history.engines.engine import Engine
from tests.tools.history.engines.patroni import patroni
from tests.tools.history.engines.postgresql import postgresql
from tests.tools.history.engines.sqlite import sqlite
from tests.tools.history.rig import Plan, drill
from tests.tools.history.summary import summary

ENGINES: dict[str, Callable[[Path], AbstractContextManager[Engine]]] = {
    "sqlite": sqlite,
    "postgresql": postgresql,
    "patroni": patroni,
}
OUTPUT = Path("var/drill")
REST_S = 2.0


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Run one drill, print and store the result, and fail if a guarantee was violated."""
    name = os.environ.get("DRILL_ENGINE", "sqlite")
    if name not in ENGINES:
        sys.exit(f"DRILL_ENGINE: {name} is none of {', '.join(ENGINES)}.")
    if name == "patroni" and (packages := missing()):
        sys.exit(f"DRILL_ENGINE=patroni needs these Debian packages: {' '.join(packages)}")
    seed = os.environ.get("DRILL_SEED") or f"{time.time_ns()}"
    seconds = float(os.environ.get("DRILL_MINUTES", "1")) * 60
    output = OUTPUT / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    output.mkdir(parents=True)
    folder = Path(tempfile.mkdtemp(prefix="drill-"))
    say(f"{name} for {seconds:.0f} s, seed {seed}; logs are in {folder}")
    with ENGINES[name](folder) as engine:
        drilled = drill(engine, folder, Plan(seed, seconds, REST_S))
    history.write(drilled.history.calls, output / "history.jsonl.gz")
    found = violations(drilled.history)
    text = f"{name}, seed {seed}\n{summary(drilled, found)}\n"
    (output / "summary.txt").write_text(text)
    say(text)
    if found or drilled.verify:
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
