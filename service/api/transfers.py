"""Long transfers: how many there may be at once, and how slow their clients.

Each takes a thread for as long as it lasts. So they may have some of a process's threads, and one
brand, or one caller, half of those; and whoever is much slower than any network has to come again.
"""

import errno
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from socket import SO_LINGER, SOL_SOCKET, socket

from service.api.http_errors import RequestTimeout
from service.auth.caller import Caller
from service.domain.errors import TooManyOwnTransfers, TooManyTransfers
from service.usecases import deadlines

SHARE = 4
"""One thread in so many may be in a transfer."""
PATIENCE_S = 10.0
"""How long a client may make a transfer wait before its pace is looked at."""
MIN_BYTES_PER_S = 32 * 1024
RESET, NO_RESET = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)
"""Whether closing a connection resets it."""
SENT_AT_ONCE = 16 * 1024
"""Bytes between two looks at the pace."""


class Transfers:
    """Lets a few transfers happen at once.

    Args:
        threads: How many threads serve callers in this process.
        longest_s: How long one may take, in seconds: an export holds a snapshot, and so keeps the
            database from cleaning up.
    """

    def __init__(self, threads: int, longest_s: float) -> None:
        self._places = max(1, threads // SHARE)
        self._places_of_brand = (self._places + 1) // 2
        self._places_of_caller = max(1, self._places // 2)
        self._longest_s = longest_s
        self._taken: Counter[str] = Counter()
        self._taken_by: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def place(self, brand: str, caller: Caller) -> Iterator["Pace"]:
        """Take a place for a transfer of a brand's, and lend what looks at its pace.

        Raises:
            TooManyOwnTransfers: The caller has as many as one may have.
            TooManyTransfers: There is none.
        """
        who = (caller.issuer, caller.subject)
        with self._lock:
            if self._taken.total() >= self._places or self._taken[brand] >= self._places_of_brand:
                raise TooManyTransfers
            if self._taken_by[who] >= self._places_of_caller:
                raise TooManyOwnTransfers
            self._taken[brand] += 1
            self._taken_by[who] += 1
        deadlines.lift()
        try:
            yield Pace(self._longest_s)
        finally:
            with self._lock:
                self._taken[brand] -= 1
                self._taken_by[who] -= 1
                self._taken += Counter()  # forgets those at 0
                self._taken_by += Counter()


class Pace:
    """How fast a client sends or takes."""

    def __init__(self, longest_s: float) -> None:
        self._ends = time.monotonic() + longest_s
        self._waited = 0.0
        self._moved = 0
        self._since = 0.0

    def begin(self) -> None:
        """Begin to wait for the client."""
        self._since = time.monotonic()

    def keeps_up(self, size: int) -> bool:
        """Note that it has sent or taken `size` bytes, and say whether it may go on."""
        now = time.monotonic()
        self._waited += now - self._since
        self._moved += size
        slow = self._waited > PATIENCE_S and self._moved / self._waited < MIN_BYTES_PER_S
        return now < self._ends and not slow


def paced_out(parts: Iterator[bytes], pace: Pace) -> Iterator[bytes]:
    """Hand out parts of an answer as long as the client takes them in time.

    Raises:
        ConnectionResetError: It does not. Nobody can be told: the answer has begun, so it ends
            without its end, as it would if the line were cut.
    """
    for part in parts:
        for at in range(0, len(part), SENT_AT_ONCE):
            pace.begin()
            sent = part[at : at + SENT_AT_ONCE]
            yield sent
            if not pace.keeps_up(len(sent)):
                raise ConnectionResetError(errno.ECONNRESET, "The client is too slow.")


@contextmanager
def cut_unless_whole(client: socket | None) -> Iterator[None]:
    """Have a connection reset if the answer that is sent meanwhile does not come to its end.

    Before HTTP/1.1 the end of the connection is the end of the answer (RFC 9112, section 6.3), and
    proxies ask so by default: a part must not look whole. So it stays for whatever ends this
    process, too: the kernel then sends RST instead of FIN (socket(7), SO_LINGER).

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


def paced_in(parts: Iterator[bytes], pace: Pace) -> Iterator[bytes]:
    """Hand out parts of a request as long as the client sends them in time.

    Raises:
        RequestTimeout: It does not.
    """
    while True:
        pace.begin()
        part = next(parts, b"")
        if not pace.keeps_up(len(part)):
            raise RequestTimeout
        if not part:
            return
        yield part
