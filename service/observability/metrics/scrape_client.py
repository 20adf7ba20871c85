"""Connections to the metrics port."""

import socket
import time
from enum import Enum, auto


class Phase(Enum):
    """The phase of a connection."""

    HEAD = auto()
    ANSWER = auto()
    TAKEN = auto()
    CLOSE = auto()


class Client:
    """A connection.

    Args:
        sock: The socket.
        within_s: The timeout of its request.
    """

    def __init__(self, sock: socket.socket, within_s: float) -> None:
        self.sock = sock
        self.phase = Phase.HEAD
        self.ends = time.monotonic() + within_s
        self.head = bytearray()
        self.rest = memoryview(b"")

    def enter(self, phase: Phase, within_s: float) -> None:
        """Enter the next phase."""
        self.phase, self.ends = phase, time.monotonic() + within_s
