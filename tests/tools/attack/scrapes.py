"""Attacks on a metrics port: half-sent scrapes, and scrapes that nobody reads."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil
import requests


class Figures(NamedTuple):
    """Measurements during the attack."""

    scrapes_s: list[float]
    """Durations of complete scrapes, in seconds."""
    threads: int
    """More threads of the attacked process than before."""
    files: int
    """More open files of it."""
    cut_s: float
    """Seconds until the last half-sent scrape was cut."""


def half_sent_scrapes(metrics_url: str, pid: int, number: int = 1000) -> Figures:
    """Send half a scrape on so many connections, and scrape meanwhile.

    Args:
        metrics_url: Of the service's or of a worker's metrics.
        pid: Of the process that listens there.
        number: The number.
    """
    process = psutil.Process(pid)
    threads, files = process.num_threads(), process.num_fds()
    with _clients(metrics_url, number, b"GET /metrics HTTP/1.1\r\nHo") as clients:
        began = time.monotonic()
        scrapes = [_scrape(metrics_url) for _ in range(5)]
        more = process.num_threads() - threads, process.num_fds() - files
        for client in clients:
            with suppress(OSError):
                client.recv(1)
        return Figures(scrapes, *more, time.monotonic() - began)


def scrapes_nobody_takes(metrics_url: str, pid: int, number: int = 100) -> Figures:
    """Request the metrics on many connections, read nothing, and scrape meanwhile."""
    process = psutil.Process(pid)
    threads, files = process.num_threads(), process.num_fds()
    with _clients(metrics_url, number, b"GET /metrics HTTP/1.1\r\n\r\n"):
        scrapes = [_scrape(metrics_url) for _ in range(5)]
        more = process.num_threads() - threads, process.num_fds() - files
        return Figures(scrapes, *more, 0.0)


def _scrape(url: str) -> float:
    began = time.monotonic()
    requests.get(url, timeout=60).raise_for_status()
    return time.monotonic() - began


@contextmanager
def _clients(url: str, number: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Hold connections that have sent something, and have a small receive buffer."""
    parts = urlsplit(url)
    with ExitStack() as stack:
        clients = []
        for _ in range(number):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(30)
            client.connect((parts.hostname, parts.port))
            with suppress(OSError):
                client.sendall(sent)
            clients.append(client)
        yield clients
