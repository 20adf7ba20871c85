"""A cheap HTTP client that knows why there is no answer.

A drill shares two cores with the service: `http.client` would take most of one.
"""

import socket
import time
from dataclasses import dataclass

from tests.tools.history.history import CallFailure

Address = tuple[str, int]


class CallError(Exception):
    """There was no answer."""

    def __init__(self, failure: CallFailure) -> None:
        """Keep the reason."""
        super().__init__(failure)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Answer:
    """The parts of an answer that a drill uses."""

    status: int
    head: bytes
    body: bytes


def request(method: str, path: str, token: str, body: bytes = b"", key: str = "") -> bytes:
    """Encode a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: drill", f"Authorization: Bearer {token}"]
    if key:
        lines.append(f"Idempotency-Key: {key}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """A kept connection to one address, which is reopened after an error."""

    def __init__(self, address: Address) -> None:
        """Open nothing yet."""
        self.address = address
        self._socket: socket.socket | None = None

    def call(self, sent: bytes, timeout: float) -> Answer:
        """Send a request and wait for its answer.

        Args:
            sent: The whole request.
            timeout: How many seconds the answer may take.

        Raises:
            CallError: There was none.
        """
        deadline = time.monotonic() + timeout
        try:
            opened = self._socket or self._open(deadline)
            opened.sendall(sent)
            return self._receive(opened, deadline)
        except TimeoutError:
            self.close()
            raise CallError(CallFailure.TIMEOUT) from None
        except OSError:
            self.close()
            raise CallError(CallFailure.CUT) from None
        except CallError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _open(self, deadline: float) -> socket.socket:
        try:
            opened = socket.create_connection(self.address, max(deadline - time.monotonic(), 0.001))
        except OSError:
            raise CallError(CallFailure.REFUSED) from None  # nothing was sent
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = opened
        return opened

    def _receive(self, opened: socket.socket, deadline: float) -> Answer:
        received = b""
        while (head_end := received.find(b"\r\n\r\n")) < 0:
            received += _some(opened, deadline)
        head = received[:head_end].lower()
        body = received[head_end + 4 :]
        _, _, length = head.partition(b"\r\ncontent-length: ")
        missing = int(length.partition(b"\r\n")[0] or 0)  # a 204 has none
        while len(body) < missing:
            body += _some(opened, deadline)
        if b"\r\nconnection: close" in head:
            self.close()
        return Answer(int(head[9:12]), head, body)


def _some(opened: socket.socket, deadline: float) -> bytes:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    opened.settimeout(left)
    some = opened.recv(65536)
    if not some:
        raise CallError(CallFailure.CUT)
    return some
