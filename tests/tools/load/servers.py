"""The measured servers, in processes on the first core."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from tests.support.running import DISCOUNT, SERVE, environment, free_port, running
from tests.support.tokens import SECRET, bearer
from tests.tools.load.errors import BenchmarkError
from tests.tools.load.peaks import MIB, family

SERVER_CORE, CLIENT_CORE = 0, 1
"""The cores, if there are two; the database server shares that of the load."""
THREADS = "16"
"""The service's default number of threads, for every gunicorn."""
START_WITHIN_S = 60
_TOKENS_LIVE_S = 12 * 3600


@dataclass
class Server:
    """A server that is running."""

    name: str
    port: int
    process: psutil.Process
    answered: int = 0
    """How many requests were measured."""

    def cpu_seconds(self) -> float:
        """Return the processor time of its processes in seconds."""
        return sum(sum(one.cpu_times()[:2]) for one in family(self.process))

    def resident_mib(self) -> float:
        """Return the resident memory of its largest worker process."""
        return float(self._worker().memory_info().rss / MIB)

    def memory(self) -> str:
        """Return the memory of its largest worker process, and the unshared part."""
        size = self._worker().memory_full_info()
        return f"{size.rss / MIB:.0f} MiB ({size.uss / MIB:.0f} of its own)"

    def _worker(self) -> psutil.Process:
        """Return the worker process."""
        workers = self.process.children(recursive=True) or [self.process]
        return max(workers, key=lambda one: one.memory_info().rss)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Start processes on one core alone in this block, if there are several."""
    before = os.sched_getaffinity(0)
    all_cores = sorted(range(os.cpu_count() or 1))
    if len(all_cores) > 1:
        os.sched_setaffinity(0, {all_cores[core]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tokens(count: int) -> list[str]:
    """Return the header fields of many callers, as one would exceed the rate limit."""
    until = int(time.time()) + _TOKENS_LIVE_S
    return [bearer(sub=f"caller{n}", exp=until)["Authorization"] for n in range(count)]


@contextmanager
def service(name: str, folder: Path, url: str) -> Iterator[Server]:
    """Run the service as it is shipped, on the database at `url`."""
    with on_core(SERVER_CORE), running(folder, SERVE, DISCOUNT_DATABASE_URL=url) as one:
        yield Server(name, int(one.environment["PORT"]), psutil.Process(one.process.pid))


@contextmanager
def hello(folder: Path) -> Iterator[Server]:
    """Run Flask's hello on gunicorn's own threads."""
    with _gunicorn("hello", folder, "tests.tools.load.apps.hello:app", {}) as server:
        yield server


@contextmanager
def naive(folder: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run the naive service."""
    with _gunicorn("naive", folder, "tests.tools.load.apps.naive:app", settings) as server:
        yield server


def naive_settings(folder: Path) -> dict[str, str]:
    """Return the settings of the naive service, which keeps its data in a folder."""
    return {"NAIVE_DATABASE_URL": f"sqlite:///{folder}/naive.db", "NAIVE_SECRET": SECRET}


@contextmanager
def bare(folder: Path, dsn: str) -> Iterator[Server]:
    """Run the bare FastAPI claim, with one process.

    Raises:
        BenchmarkError: It is not installed.
    """
    missing = [name for name in ("fastapi", "uvicorn", "asyncpg") if not installed(name)]
    if missing:
        raise BenchmarkError(f"not installed: {', '.join(missing)}")
    command = ["uvicorn", "--port", "{port}", "--no-access-log", "tests.tools.load.apps.bare:app"]
    with _module("fastapi", folder, command, {"BARE_DSN": dsn}) as server:
        yield server


def installed(module: str) -> bool:
    """Return whether a module can be imported."""
    return importlib.util.find_spec(module) is not None


@contextmanager
def _gunicorn(name: str, folder: Path, app: str, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run an application with the worker processes, threads and timeouts that the service has."""
    options = ["--worker-class", "gthread", "--threads", THREADS, "--keep-alive", "75"]
    more = ["--no-control-socket", "--worker-tmp-dir", "/dev/shm"]  # noqa: S108 - as the service
    command = ["gunicorn", "--bind", "127.0.0.1:{port}", *options, *more, app]
    with _module(name, folder, command, settings) as server:
        yield server


@contextmanager
def _module(
    name: str, folder: Path, command: list[str], settings: Mapping[str, str]
) -> Iterator[Server]:
    """Run a Python module until the block is left."""
    port = free_port()
    words = [word.format(port=port) for word in command]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **settings}
    log = folder / f"log-{name}"
    with on_core(SERVER_CORE), log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], env=env, stdout=output, stderr=output
        )
    try:
        _wait(port, process, log)
        yield Server(name, port, psutil.Process(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(START_WITHIN_S)
        finally:
            process.kill()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(f"http://127.0.0.1:{port}/", timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.05)
        else:
            return
    raise BenchmarkError(f"did not start: {log.read_text()[-1000:]}")


def upgraded(folder: Path, url: str | None = None) -> str:
    """Create the tables of a service, and return the URL of its database, by default a file's."""
    changed = {} if url is None else {"DISCOUNT_DATABASE_URL": url}
    env = environment(folder, **changed)
    _discount(env, "db", "upgrade")
    return env["DISCOUNT_DATABASE_URL"]


def verify(folder: Path, url: str) -> None:
    """Let `discount verify` check every promise in a database.

    Raises:
        BenchmarkError: One is broken.
    """
    _discount(environment(folder, DISCOUNT_DATABASE_URL=url), "verify")


def _discount(env: Mapping[str, str], *words: str) -> None:
    done = subprocess.run([DISCOUNT, *words], env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"discount {' '.join(words)}: {done.stdout}{done.stderr}")
