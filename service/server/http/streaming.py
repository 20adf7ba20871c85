"""Streaming by threads that wait for their client: long imports and exports.

Nothing else may wait for a client. The number of transfers is limited (`api/transfers/`); here,
each read and write has a timeout, and all together need a minimum speed, whatever their size.
"""

import select
import socket
import time
from collections.abc import Callable

from service.observability.exchange import BodyAwaited
from service.server.http.body import Body, ends_too_soon

STALLED_AFTER_S = 5.0
"""How long a thread waits for a client to send or receive anything."""
PACE_AFTER_S = 10.0
"""How long a client may be slow, since connections start slowly."""
MIN_BYTES_PER_S = 32 * 1024
"""The minimum average speed after that, over the time spent waiting for the client."""
RECEIVE_BYTES = 64 * 1024

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class PacedSocket:
    """A non-blocking socket that is used as long as its client is fast enough."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._waited, self._moved = 0.0, 0

    def receive(self) -> bytes:
        """Return received bytes, none at the end of the stream.

        Raises:
            TimeoutError: The client is too slow.
            OSError: The connection is broken.
        """
        while True:
            try:
                data = self._client.recv(RECEIVE_BYTES)
            except BlockingIOError:
                self._wait(select.POLLIN)
            else:
                self._moved += len(data)
                return data

    def sendall(self, data: bytes) -> None:
        """Send everything.

        Raises:
            TimeoutError: The client is too slow.
            OSError: The connection is broken.
        """
        left = memoryview(data)
        while left:
            try:
                sent = self._client.send(left)
            except BlockingIOError:
                self._wait(select.POLLOUT)
            else:
                self._moved += sent
                left = left[sent:]

    def _wait(self, event: int) -> None:
        waiting = select.poll()
        waiting.register(self._client, event)
        began = time.monotonic()
        ready = waiting.poll(STALLED_AFTER_S * 1000)
        self._waited += time.monotonic() - began
        if not ready or is_too_slow(self._waited, self._moved):
            raise TimeoutError


def is_too_slow(seconds: float, moved: int) -> bool:
    """Return whether `moved` bytes in so many seconds are too slow."""
    return seconds > PACE_AFTER_S and moved < seconds * MIN_BYTES_PER_S


class UnreceivedBody:
    """`wsgi.input` of a request whose body may be incomplete.

    Args:
        body: The parser of the body.
        receive: Waits for more bytes.
        ask: Sends `100 Continue` if the client waits for that.
    """

    def __init__(self, body: Body, receive: Callable[[], bytes], ask: Callable[[], None]) -> None:
        self._body, self._receive, self._ask = body, receive, ask
        self._streaming = False

    def stream(self) -> None:
        """Wait for the client from now on."""
        if not self._streaming:
            self._streaming = True
            self._ask()

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, fewer only at the end.

        Raises:
            BodyAwaited: The body is incomplete, and this is no transfer.
            TimeoutError: The client is too slow.
            ServiceError: The body is malformed or ends too soon.
        """
        if not self._streaming:
            raise BodyAwaited
        content = self._body.content
        while (size < 0 or len(content) < size) and not self._body.ended:
            data = self._receive()
            if not data:
                raise ends_too_soon()
            self._body.feed(data)
        taken = bytes(content if size < 0 else content[:size])
        del content[: len(taken)]
        return taken
