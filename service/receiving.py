"""Receiving requests: a thread gets one only once it need not wait for the client any more.

A thread that reads from a slow client serves nobody else, and sixteen half-sent requests
would be a service that is down. So the worker's event loop collects what arrives, and hands
over what is whole. What is too long to hold is handed over early, with time limits on the
socket; the guard has refused strangers before a byte of a body is read.
"""

import re
import socket
import struct
import time
from collections.abc import Callable

from gunicorn.workers.gthread import TConn

from service import deadlines

READ_WITHIN_S = 10.0
"""How long a client may take to send a request."""
STALLED_AFTER_S = 5
"""How long a thread waits for more of a long body, or for a client to take an answer."""
MAX_HELD = 32 * 1024
"""Bytes of a request that are held for it; with its head, most JSON bodies are far shorter."""

MIN_BYTES_PER_S = 32 * 1024
"""How fast a body must come that takes longer than `READ_WITHIN_S`, on the average."""

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n")
_STREAMED = (b"\r\ntransfer-encoding:", b"\r\nexpect:")


class Arrival:
    """A request that is still arriving."""

    __slots__ = ("expires", "held")

    def __init__(self, held: bytes = b"") -> None:
        self.held = bytearray(held)
        self.expires = time.monotonic() + READ_WITHIN_S

    def take_from(self, client: socket.socket) -> bool:
        """Take what has come, and say whether a thread need not wait for more.

        That is so when the request is whole, and when the client has left.
        """
        try:
            part = client.recv(MAX_HELD)
        except BlockingIOError:
            return is_whole(self.held)
        except OSError:
            part = b""
        self.held += part
        return not part or is_whole(self.held)


class PacedSource:
    """Reads a body in a thread, as long as it comes at a decent pace.

    The kernel's time limit alone would let a byte every few seconds keep the thread for ever.
    """

    __slots__ = ("_got", "_read", "_waited")

    def __init__(self, read: Callable[[int | None], bytes]) -> None:
        """Read with `read`, which is told how much is wanted."""
        self._read = read
        self.begin()

    def begin(self) -> None:
        """Begin a new request."""
        self._waited, self._got = 0.0, 0

    def __call__(self, size_hint: int | None = None) -> bytes:
        """Read what has come.

        Raises:
            TimeoutError: It comes too slowly.
        """
        began = time.monotonic()
        part = self._read(size_hint)
        self._waited += time.monotonic() - began
        self._got += len(part)
        deadlines.renew()
        if self._waited > READ_WITHIN_S and self._got < self._waited * MIN_BYTES_PER_S:
            raise TimeoutError
        return part


def is_whole(held: bytes | bytearray) -> bool:
    """Say whether a thread can take a request, of which `held` has arrived, without waiting."""
    end = held.find(_END)
    if end < 0:
        return len(held) >= MAX_HELD
    head = bytes(held[: end + 2]).lower()
    if any(name in head for name in _STREAMED):
        return True
    length = _LENGTH.search(head)
    wanted = end + len(_END) + (int(length[1]) if length else 0)
    return len(held) >= wanted or wanted > MAX_HELD


def prepare(connection: TConn) -> None:
    """Make a new connection ready: reads in the event loop never wait, those in threads not long.

    The limits are the kernel's (socket(7), SO_RCVTIMEO): gunicorn sets Python's anew for each
    request.
    """
    connection.init()
    connection.data_ready = True
    connection.parser.unreader.chunk = PacedSource(connection.parser.unreader.chunk)
    limit = struct.pack("ll", STALLED_AFTER_S, 0)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.sock.setsockopt(socket.SOL_SOCKET, option, limit)
