"""The duration of the start of the service, and of a command."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import requests

from tests.support.running import environment
from tests.tools.load.errors import BenchmarkError

_ROOT = Path(__file__).parents[3]
_WITHIN_S = 60


def import_seconds(times: int) -> float:
    """Return how long Python takes to start and to import the application, the median."""
    return median(_import() for _ in range(times))


def run_seconds(folder: Path, times: int) -> float:
    """Return how long `make run` takes until it is ready, with all installed; the median.

    Raises:
        BenchmarkError: It did not get ready.
    """
    return median(_run(folder) for _ in range(times))


def _import() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import service.app"], cwd=_ROOT, check=True)
    return time.perf_counter() - began


def _run(folder: Path) -> float:
    env = environment(folder, PYTHON=sys.executable)
    with (folder / "log-run").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            ["make", "run"],  # noqa: S607 - whichever make there is
            cwd=_ROOT,
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(f"http://127.0.0.1:{env['PORT']}/readyz", began + _WITHIN_S)
            return time.perf_counter() - began
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(_WITHIN_S)


def _wait(url: str, deadline: float) -> None:
    while time.perf_counter() < deadline:
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.01)
    raise BenchmarkError("`make run` did not get ready")
