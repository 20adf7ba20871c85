"""Attacks on the probes and on waiting calls, with measurements.

Each takes a running service, and returns figures; none judges.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import NamedTuple

import requests

from tests.support.tokens import bearer

Call = Callable[[requests.Session, int], int]
"""Makes a call, and returns its status."""


class Figures(NamedTuple):
    """Durations in seconds, and statuses."""

    probes_s: list[float]
    """Those of `/livez` and `/readyz`, in order."""
    calls_s: list[float]
    """Those of the calls that waited."""
    statuses: set[int]
    """The statuses of these calls."""


def posts_that_wait(url: str, database_url: str, number: int = 60, seconds: float = 4.0) -> Figures:
    """Let POSTs wait for the write lock of an SQLite database, and call the probes meanwhile."""
    body = {"brand": "attacked", "number_to_create": 10}

    def post(session: requests.Session, _number: int) -> int:
        return session.post(
            f"{url}/v1/discount/create", json=body, headers=bearer(), timeout=60
        ).status_code

    return _waiting(url, database_url, post, number, seconds)


def reservations_that_wait(
    url: str, database_url: str, number: int = 400, seconds: float = 4.0
) -> Figures:
    """Let more reservations wait than may begin at once, and call the probes meanwhile."""

    def reserve(session: requests.Session, number: int) -> int:
        path = f"{url}/v1/discount/fetch/attacked/{time.time_ns()}-{number}"
        return session.get(path, headers=bearer(), timeout=60).status_code

    return _waiting(url, database_url, reserve, number, seconds)


def _waiting(url: str, database_url: str, call: Call, number: int, seconds: float) -> Figures:
    def timed(each: int) -> tuple[float, int]:
        with requests.Session() as session:
            began = time.monotonic()
            status = call(session, each)
            return time.monotonic() - began, status

    with ThreadPoolExecutor(number) as pool, write_lock(database_url):
        calls = [pool.submit(timed, each) for each in range(number)]
        probes = asked_for(url, seconds)
        found = [each.result() for each in calls]
    return Figures(probes, [took for took, _ in found], {status for _, status in found})


def asked_for(url: str, seconds: float) -> list[float]:
    """Call both probes for some time, each on a new connection; return the durations."""
    took: list[float] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for path in ("livez", "readyz"):
            began = time.monotonic()
            requests.get(f"{url}/{path}", timeout=60)
            took.append(time.monotonic() - began)
    return took


@contextmanager
def write_lock(database_url: str) -> Iterator[None]:
    """Hold the write lock of an SQLite database from another connection."""
    path = database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")
