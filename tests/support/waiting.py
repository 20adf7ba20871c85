"""Waiting for conditions, never for fixed times, with limits that a busy machine does not reach."""

import socket
import time
from collections.abc import Callable, Mapping

import requests

WITHIN_S = 120.0


def wait_until(
    holds: Callable[[], object],
    otherwise: str = "it does not come true",
    within_s: float = WITHIN_S,
) -> None:
    """Wait for something to become true, looking less often the longer it takes.

    Raises:
        AssertionError: It did not in time; says `otherwise`.
    """
    started = time.monotonic()
    while not holds():
        waited = time.monotonic() - started
        assert waited < within_s, otherwise
        time.sleep(min(0.005 + waited / 10, 0.08))


def get_when_up(url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
    """Get a URL as soon as a server listens, and again if a killed worker cut the connection."""
    answers: list[requests.Response] = []

    def asked() -> bool:
        try:
            answers.append(requests.get(url, headers=headers, timeout=10))
        except requests.RequestException:
            return False
        return True

    wait_until(asked, f"nobody answers at {url}")
    return answers[0]


def listens(port: int) -> bool:
    """Return whether a process listens on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 10).close()
    except ConnectionError:
        return False
    return True
