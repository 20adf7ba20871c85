"""Callers that must be served meanwhile: each answer is checked, and timed."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count

import requests

from tests.tools.attack.target import TOKEN, C, Target

TIMEOUT_S = 30


@dataclass
class Timings:
    """The answers to callers of one kind."""

    seconds: list[float] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    """Wrong answers."""

    def percentile(self, share: float) -> float:
        """Return a quantile of the durations."""
        ordered = sorted(self.seconds) or [float("inf")]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def __str__(self) -> str:
        """Return a summary."""
        slowest, p99 = self.percentile(1), self.percentile(0.99)
        text = f"p99 {p99 * 1000:.0f} ms, slowest {slowest * 1000:.0f} ms of {len(self.seconds)}"
        return text + (f", {len(self.foreign)} WRONG: {self.foreign[0]}" if self.foreign else "")


_USERS = count()


def observe(target: Target, seconds: float) -> dict[str, Timings]:
    """Call for some seconds, all kinds at once, and return the answers."""
    found = {kind: Timings() for kind in ("livez", "reservations", "creates", "scrapes")}
    calls: dict[str, Callable[[HTTPConnection], None]] = {
        "livez": _livez,
        "reservations": _reserve,
        "creates": _create,
    }
    ends = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_call, args=(target, calls[kind], found[kind], ends))
        for kind in calls
        for _ in range(2)
    ]
    threads.append(threading.Thread(target=_scrape, args=(target, found["scrapes"], ends)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _scrape(target: Target, timings: Timings, ends: float) -> None:
    """Scrape repeatedly on new connections, as Prometheus does."""
    while time.monotonic() < ends:
        began = time.monotonic()
        try:
            requests.get(target.service.metrics_url, timeout=TIMEOUT_S).raise_for_status()
        except requests.RequestException as error:
            timings.foreign.append(f"{type(error).__name__} {error}"[:120])
        timings.seconds.append(time.monotonic() - began)
        time.sleep(0.2)


def _call(
    target: Target, call: Callable[[HTTPConnection], None], timings: Timings, ends: float
) -> None:
    """Call repeatedly, on kept and on new connections."""
    connection = HTTPConnection("127.0.0.1", target.port, timeout=TIMEOUT_S)
    for number in count():
        if time.monotonic() >= ends:
            break
        if number % 4 == 0:
            connection.close()
        began = time.monotonic()
        try:
            call(connection)
        except (OSError, HTTPException, AssertionError) as error:
            timings.foreign.append(f"{type(error).__name__} {error}"[:120])
            connection.close()
        timings.seconds.append(time.monotonic() - began)
        time.sleep(0.005)
    connection.close()


def _answer(connection: HTTPConnection, wanted: set[int], *request: object) -> bytes:
    connection.request(*request)  # type: ignore[arg-type]
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status in wanted, f"status {answer.status}"
    return body


def _livez(connection: HTTPConnection) -> None:
    body = _answer(connection, {200}, "GET", "/livez")
    assert body.strip() == b'{"status":"ok"}', "another body"


def _reserve(connection: HTTPConnection) -> None:
    user = f"user{next(_USERS)}"
    path = f"{C}/reservations/{user}"
    body = _answer(connection, {200, 201}, "PUT", path, None, {"Authorization": TOKEN})
    assert f'"user":"{user}"'.encode() in body, "another user's"


def _create(connection: HTTPConnection) -> None:
    fields = {"Authorization": TOKEN, "Content-Type": "application/json"}
    content = b'{"brand": "brand1", "number_to_create": 2}'
    body = _answer(connection, {200}, "POST", "/v1/discount/create", content, fields)
    assert 1 == body.count(b","), "another answer"
