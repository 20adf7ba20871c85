"""The load generator: connections that send a request as soon as they are answered.

Every answer is checked: the first unexpected one stops the measurement, as a server that refuses
quickly would look fast otherwise.
"""

import select
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from tests.tools.load.errors import UnexpectedAnswerError

Request = tuple[str, bytes]
"""A user or brand, and the request."""
CONNECTIONS = 32
TIMEOUT_S = 30.0
"""The timeout of an answer in seconds."""
_END = b"\r\n\r\n"
_LENGTH = b"\ncontent-length:"


@dataclass(slots=True)
class Slice:
    """The result of some seconds of load."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds, in the order of the answers."""
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    """The user or brand of each answer, and its body."""

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency, in seconds, that so great a share of the answers did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Connection:
    """A connection that waits for the answer to its last request."""

    __slots__ = ("about", "received", "sent_at", "sock")

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.about = ""
        self.received = b""
        self.sent_at = 0.0

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()

    def ask(self, request: Request) -> None:
        """Send the next request."""
        self.about, sent = request
        self.received = b""
        self.sent_at = time.perf_counter()
        self.sock.sendall(sent)

    def take(self, wanted: Sequence[int]) -> bytes | None:
        """Receive, and return the body once the answer is complete.

        Raises:
            UnexpectedAnswerError: Its status is not one of those that are wanted.
        """
        part = self.sock.recv(1 << 18)
        self.received += part
        head, found, body = self.received.partition(_END)
        if found and int(head[9:12]) not in wanted:
            raise UnexpectedAnswerError(self.about, self.received[:2000])
        if not part:
            raise UnexpectedAnswerError(self.about, b"closed after: " + self.received[:2000])
        if not found:
            return None
        lower = head.lower()
        at = lower.index(_LENGTH) + len(_LENGTH)
        line = lower.find(b"\r", at)
        length = int(lower[at : line if line > 0 else None])
        return body if len(body) >= length else None


def drive(
    port: int,
    requests: Iterator[Request],
    seconds: float,
    *,
    wanted: Sequence[int] = (200,),
    most: int | None = None,
    connections: int = CONNECTIONS,
) -> Slice:
    """Ask for some seconds, then take what is still under way.

    Args:
        port: Where the server listens on loopback.
        requests: What is asked, in turn.
        seconds: After how long nothing new is asked.
        wanted: The statuses that are expected; any other ends the measurement.
        most: After how many requests nothing new is asked, whatever the time.
        connections: How many ask at once.

    Raises:
        UnexpectedAnswerError: Something else was answered, or nothing.
    """
    with ExitStack() as stack:
        poller = stack.enter_context(select.epoll())
        asking = {}
        for _ in range(connections):
            connection = stack.enter_context(closing(Connection(port)))
            asking[connection.sock.fileno()] = connection
            poller.register(connection.sock.fileno(), select.EPOLLIN)
        return _exchange(poller, asking, requests, seconds, wanted, most)


def _exchange(
    poller: select.epoll,
    asking: Mapping[int, Connection],
    requests: Iterator[Request],
    seconds: float,
    wanted: Sequence[int],
    most: int | None,
) -> Slice:
    took = Slice()
    left = most if most is not None else -1
    under_way = 0
    began = time.perf_counter()
    until = began + seconds
    for connection in asking.values():
        if left != 0:
            connection.ask(next(requests))
            left -= 1
            under_way += 1
    while under_way:
        ready = poller.poll(TIMEOUT_S)
        if not ready:
            raise UnexpectedAnswerError("nobody", b"no answer in time")
        for number, _ in ready:
            connection = asking[number]
            body = connection.take(wanted)
            if body is None:
                continue
            now = time.perf_counter()
            took.latencies.append(now - connection.sent_at)
            took.answers.append((connection.about, body))
            if now < until and left != 0:
                connection.ask(next(requests))
                left -= 1
            else:
                under_way -= 1
    took.seconds = time.perf_counter() - began
    return took
