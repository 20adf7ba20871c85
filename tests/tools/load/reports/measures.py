"""The measurements: thousands of requests, and the check of their answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Protocol

from tests.tools.load.client import CONNECTIONS, Request, Slice, drive
from tests.tools.load.errors import BenchmarkError
from tests.tools.load.servers import Server


@dataclass(frozen=True)
class Result:
    """The result of one contestant in one round."""

    rate: float
    """Answers per second."""
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_us: float = 0.0
    """Processor time of the server's processes for each answer, without a database server's."""
    resident_mib: float = 0.0
    """Memory of the server's largest process."""
    answers: int = 0


class Measure(Protocol):
    """One contestant with one kind of work."""

    name: str

    def run(self, turn: int, seconds: float) -> Result:
        """Measure for some seconds, in round `turn`.

        Raises:
            BenchmarkError: A result was not as expected.
        """


@dataclass
class Load:
    """A server under one kind of request."""

    name: str
    server: Server
    requests: Callable[[int], Iterator[Request]]
    """Returns the requests of a round."""
    check: Callable[[Slice], None]
    """Checks every answer; raises `BenchmarkError`."""
    most: int | None = None
    """The largest number of requests of a round: no pool may run empty."""
    connections: int = CONNECTIONS
    """The number of connections."""
    wanted: Sequence[int] = (200,)
    """The statuses that are expected."""

    def run(self, turn: int, seconds: float) -> Result:
        """Send requests for some seconds, check every answer, and summarize."""
        before = self.server.cpu_seconds()
        asked = self.requests(turn)
        took = drive(
            self.server.port,
            asked,
            seconds,
            wanted=self.wanted,
            most=self.most,
            connections=self.connections,
        )
        spent = self.server.cpu_seconds() - before
        self.check(took)
        self.server.answered += len(took.answers)
        return Result(
            rate=took.rate,
            p50_ms=took.percentile(0.5) * 1000,
            p99_ms=took.percentile(0.99) * 1000,
            cpu_us=spent / len(took.answers) * 1e6,
            resident_mib=self.server.resident_mib(),
            answers=len(took.answers),
        )


@dataclass
class Limit:
    """An engine without a service."""

    name: str
    rate: Callable[[float], float]
    """Works for about that many seconds, and returns the claims per second."""

    def run(self, turn: int, seconds: float) -> Result:
        """Work for some seconds."""
        return Result(self.rate(seconds))


def hello(server: Server) -> Load:
    """Measure a server that says hello."""

    def check(took: Slice) -> None:
        if any(body != b"Hello, World!" for _, body in took.answers):
            raise BenchmarkError("hello has another answer")

    request = ("nobody", b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
    return Load("hello", server, lambda _: cycle([request]), check)
