"""What a thread reads from a client or writes to it while it waits: long imports and exports.

Nothing else may wait for a client. A transfer has one of a few places (`api/transfers.py`); here,
each read and each write has a time limit and the whole of them a pace, whatever size they have.
"""

import select
import socket
import time
from collections.abc import Callable

from service.api.body_state import BodyAwaited
from service.server.http.body import Body, ends_too_soon

STALLED_AFTER_S = 5.0
"""How long a thread waits for a client to send or take anything at all."""
PACE_AFTER_S = 10.0
"""How long a client may be slow altogether: a connection has to get going."""
MIN_BYTES_PER_S = 32 * 1024
"""How fast it must be after that, on the average of the time that it was waited for."""
RECEIVE_BYTES = 64 * 1024

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class PacedSocket:
    """Sends and receives on a socket that does not block, as long as the client keeps pace."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._waited, self._moved = 0.0, 0

    def receive(self) -> bytes:
        """Return what has arrived, nothing if the client has ended.

        Raises:
            TimeoutError: It is too slow.
            OSError: It is gone.
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
            OSError: It is gone.
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
    """Say whether somebody who moved so many bytes in so long is too slow."""
    return seconds > PACE_AFTER_S and moved < seconds * MIN_BYTES_PER_S


class UnreceivedBody:
    """`wsgi.input` of a request of which only the head is there for certain.

    Args:
        body: What has arrived of it.
        receive: Waits for more.
        ask: Asks the client for the body, if it waits for that.
    """

    def __init__(self, body: Body, receive: Callable[[], bytes], ask: Callable[[], None]) -> None:
        self._body, self._receive, self._ask = body, receive, ask
        self._streaming = False

    def stream(self) -> None:
        """From now on, wait for the client."""
        if not self._streaming:
            self._streaming = True
            self._ask()

    def read(self, size: int = -1) -> bytes:
        """Read so much, less only at the end.

        Raises:
            BodyAwaited: It would have to be waited for, and this is no transfer.
            TimeoutError: It comes too slowly.
            ServiceError: It is malformed, or the client ends before it does.
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
