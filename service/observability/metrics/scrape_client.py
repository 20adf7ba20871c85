"""A connection to the port where metrics are scraped, and what it waits for."""

import socket
import time
from enum import Enum, auto


class Phase(Enum):
    """What a connection waits for."""

    HEAD = auto()
    ANSWER = auto()
    TAKEN = auto()
    CLOSE = auto()


class Client:
    """A connection.

    Args:
        sock: Its socket.
        within_s: How long it may take to send its request.
    """

    def __init__(self, sock: socket.socket, within_s: float) -> None:
        self.sock = sock
        self.phase = Phase.HEAD
        self.ends = time.monotonic() + within_s
        self.head = bytearray()
        self.rest = memoryview(b"")

    def go_on(self, phase: Phase, within_s: float) -> None:
        """Wait for something else from now on."""
        self.phase, self.ends = phase, time.monotonic() + within_s
