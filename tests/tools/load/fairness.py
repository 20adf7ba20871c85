"""The duration of reservations with and without a job of ten million codes."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count as numbers
from typing import TYPE_CHECKING

import requests

from service.domain.jobs import MAX_GENERATED
from tests.support.tokens import bearer

if TYPE_CHECKING:
    from tests.tools.load.bulk import Bench

ROUNDS, ROUND_S = 5, 6.0
CLIENTS, INTERVAL_S = 4, 0.02
"""A client's reservations per second, well below what a server can do."""
POOL, BRAND = 50_000, "fair"


def fairness(bench: "Bench") -> dict[str, float]:
    """Return the p50 and p99 in ms, idle and busy: medians of rounds that alternate."""
    bench.wait(bench.ask(BRAND, POOL))
    users = numbers()
    found: dict[str, list[list[float]]] = {"idle": [], "busy": []}
    for _ in range(ROUNDS):
        found["idle"].append(_round(bench, users))
        url = bench.ask("made", MAX_GENERATED)
        time.sleep(1.0)
        found["busy"].append(_round(bench, users))
        requests.delete(url, headers=bearer(), timeout=60).raise_for_status()
        time.sleep(1.0)
    medians = {
        f"{name} p{percent}": statistics.median(_percentile(times, percent) for times in rounds)
        for name, rounds in found.items()
        for percent in (50, 99)
    }
    line = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in medians.items())
    print(f"  reservations, ms: {line}", flush=True)
    return medians


def _percentile(times: list[float], percent: int) -> float:
    return sorted(times)[len(times) * percent // 100] * 1000


def _round(bench: "Bench", users: "numbers[int]") -> list[float]:
    """Reserve for some time; return the seconds of each reservation."""
    ends, lock = time.monotonic() + ROUND_S, threading.Lock()

    def client() -> list[float]:
        times = []
        with requests.Session() as session:
            session.headers.update(bearer())
            while time.monotonic() < ends:
                with lock:
                    user = next(users)
                began = time.perf_counter()
                url = (
                    f"{bench.service.url}/v1/brands/{BRAND}/campaigns/default/reservations/u{user}"
                )
                answer = session.put(url, timeout=60)
                times.append(time.perf_counter() - began)
                if answer.status_code != requests.codes.created:
                    raise SystemExit(f"A reservation failed: {answer.status_code} {answer.text}")
                time.sleep(max(0.0, INTERVAL_S - times[-1]))
        return times

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [one for part in pool.map(lambda _: client(), range(CLIENTS)) for one in part]
