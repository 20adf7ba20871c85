"""Limits of long transfers: how many there may be at the same time, and how slow.

Each transfer occupies a thread, see `server/separate_threads.py`. So a process accepts only some, a
brand or a caller has at most half of those, and a client that is much slower than any network is
cut off.
"""

import errno
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from socket import SO_LINGER, SOL_SOCKET, socket

from service.api.problems.http_errors import RequestTimeout
from service.auth.caller import Caller
from service.domain.errors import TooManyOwnTransfers, TooManyTransfers
from service.usecases import deadlines

SHARE = 4
"""A process accepts one transfer for so many threads."""
GRACE_PERIOD_S = 10.0
"""How long a transfer waits for a client before its speed is checked."""
MIN_BYTES_PER_S = 32 * 1024
RESET, NO_RESET = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)
"""Whether closing a connection resets it."""
SENT_AT_ONCE = 16 * 1024
"""Bytes between two checks of the speed."""


def places_of(threads: int) -> int:
    """Return how many of a process's threads do transfers, and nothing else."""
    return max(1, threads // SHARE)


class Transfers:
    """The transfers of a process.

    Args:
        threads: How many threads serve callers in this process.
        longest_s: Longest duration of a transfer in seconds: an export holds a snapshot, which
            prevents the database from cleaning up.
    """

    def __init__(self, threads: int, longest_s: float) -> None:
        self.places = places_of(threads)
        """Most transfers at the same time."""
        self._places_of_brand = (self.places + 1) // 2
        self._places_of_caller = max(1, self.places // 2)
        self._longest_s = longest_s
        self._taken: Counter[str] = Counter()
        self._taken_by: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self.threads: set[int] = set()
        """The identifiers of the threads in a transfer."""

    @contextmanager
    def place(self, brand: str, caller: Caller) -> Iterator["TransferSpeed"]:
        """Reserve a place for a transfer of a brand, and yield the measurement of its speed.

        Raises:
            TooManyOwnTransfers: The caller has no place left.
            TooManyTransfers: There is no place left.
        """
        who = (caller.issuer, caller.subject)
        with self._lock:
            if self._taken.total() >= self.places or self._taken[brand] >= self._places_of_brand:
                raise TooManyTransfers
            if self._taken_by[who] >= self._places_of_caller:
                raise TooManyOwnTransfers
            self._taken[brand] += 1
            self._taken_by[who] += 1
            self.threads.add(threading.get_ident())
        deadlines.lift()
        try:
            yield TransferSpeed(self._longest_s)
        finally:
            with self._lock:
                self._taken[brand] -= 1
                self._taken_by[who] -= 1
                self.threads.discard(threading.get_ident())
                self._taken += Counter()  # forgets those at 0
                self._taken_by += Counter()


class TransferSpeed:
    """The speed at which a client sends or receives."""

    def __init__(self, longest_s: float) -> None:
        self._ends = time.monotonic() + longest_s
        self._waited = 0.0
        self._moved = 0
        self._since = 0.0

    def begin(self) -> None:
        """Start to wait for the client."""
        self._since = time.monotonic()

    def is_sufficient(self, size: int) -> bool:
        """Add `size` transferred bytes, and return whether the transfer may go on."""
        now = time.monotonic()
        self._waited += now - self._since
        self._moved += size
        slow = self._waited > GRACE_PERIOD_S and self._moved / self._waited < MIN_BYTES_PER_S
        return now < self._ends and not slow


def send_paced(parts: Iterator[bytes], speed: TransferSpeed) -> Iterator[bytes]:
    """Yield parts of an answer as long as the client receives them in time.

    Raises:
        ConnectionResetError: The client is too slow. The answer has begun, so no problem can be
            sent any more: the answer stays incomplete, as if the connection had broken.
    """
    for part in parts:
        for at in range(0, len(part), SENT_AT_ONCE):
            speed.begin()
            sent = part[at : at + SENT_AT_ONCE]
            yield sent
            if not speed.is_sufficient(len(sent)):
                raise ConnectionResetError(errno.ECONNRESET, "The client is too slow.")


@contextmanager
def reset_unless_complete(client: socket | None) -> Iterator[None]:
    """Reset the connection unless the block sends the answer to its end.

    Before HTTP/1.1, the end of the connection is the end of the answer (RFC 9112, section 6.3), and
    proxies use HTTP/1.0 by default: an incomplete answer must not look complete. The option is on
    the socket during the whole block, so that the kernel sends RST instead of FIN (socket(7),
    SO_LINGER) even if the process is killed.

    Raises:
        ConnectionResetError: The source of the answer failed.
    """
    _linger(client, RESET)
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise ConnectionResetError(errno.ECONNRESET, "The answer cannot be finished.") from error
    _linger(client, NO_RESET)


def _linger(client: socket | None, how: bytes) -> None:
    if client is not None:
        client.setsockopt(SOL_SOCKET, SO_LINGER, how)


def receive_paced(parts: Iterator[bytes], speed: TransferSpeed) -> Iterator[bytes]:
    """Yield parts of a request as long as the client sends them in time.

    Raises:
        RequestTimeout: The client is too slow.
    """
    while True:
        speed.begin()
        part = next(parts, b"")
        if not speed.is_sufficient(len(part)):
            raise RequestTimeout
        if not part:
            return
        yield part
