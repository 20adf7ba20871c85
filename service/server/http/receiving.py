"""Receiving: the event loop collects a request, and nothing waits for a client.

A head without its end is never handed over. A body is collected as well, and only if the
application wants it (`api/body_state.py`); what it does not want, it answers from the head.
"""

from enum import Enum, auto
from typing import Any

from service.server.http.body import Body
from service.server.http.head import MAX_HEAD, HttpRequest, check_beginning
from service.server.http.streaming import MIN_BYTES_PER_S, PACE_AFTER_S

SMALL_BODY = 16 * 1024
"""Bytes of a body that are collected before the application is asked whether it wants it."""
MAX_BODY = 1024 * 1024
"""Bytes of a body that are collected: one more than this is too large for every call."""
READ_WITHIN_S = PACE_AFTER_S
"""How long a client may take to send a request; longer if a body comes at a decent pace."""

_END = b"\r\n\r\n"


class ReceiveState(Enum):
    """How far a request has arrived."""

    HEAD_AWAITED = auto()
    HEAD_WHOLE = auto()
    BODY_AWAITED = auto()
    HEAD_SUFFICES = auto()
    """The body is long, or its sender waits to be asked for it."""
    WHOLE = auto()


class BufferedRequest:
    """A request that is arriving.

    Args:
        begun: When, on the clock `time.monotonic`.
    """

    __slots__ = (
        "_checked",
        "awaits_continue",
        "begun",
        "body",
        "buffer",
        "head",
        "kept",
        "received",
        "request",
        "wanted",
    )

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.buffer = bytearray()
        """What has arrived of the head, and with its last bytes what is behind it."""
        self.head = b""
        self.request: HttpRequest | None = None
        self.body: Body | None = None
        self.awaits_continue = False
        """Whether the client waits to be asked for the body."""
        self.received = 0
        """Bytes of the body as it was transferred."""
        self.wanted = False
        """Whether the application wants the body."""
        self.kept: dict[str, Any] = {}
        """What the application has found out before it wanted the body."""
        self._checked = 0

    @property
    def size(self) -> int:
        """How much memory it takes, nearly: a whole head is kept as it came and as it was read."""
        return len(self.buffer) + 2 * len(self.head) + (self.body.held if self.body else 0)

    @property
    def has_data(self) -> bool:
        """Whether anything of it has arrived."""
        return bool(self.head or self.buffer)

    @property
    def is_head(self) -> bool:
        """Whether its method is HEAD, so that its answer has no content."""
        return (self.head or self.buffer).startswith(b"HEAD ")

    @property
    def is_whole(self) -> bool:
        """Whether all has arrived that anybody will read."""
        return self.body is not None and (self.body.ended or len(self.body.content) > MAX_BODY)

    def feed(self, data: bytes | memoryview) -> ReceiveState:
        """Take what has arrived.

        Raises:
            ServiceError: It cannot become a good request.
        """
        if self.body is not None:
            self.received += len(data)
            self.body.feed(bytes(data))
            return self.state()
        self.buffer += data
        end = self.buffer.find(_END, max(0, self._checked - len(_END)))
        if end < 0 or end > MAX_HEAD:
            check_beginning(self.buffer, self._checked)
            self._checked = len(self.buffer)
            return ReceiveState.HEAD_AWAITED
        self.head = bytes(self.buffer[: end + len(_END)])
        del self.buffer[: end + len(_END)]
        return ReceiveState.HEAD_WHOLE

    def begin_body(self, request: HttpRequest) -> ReceiveState:
        """Take the head as it was read; what is behind it belongs to the body.

        Raises:
            ServiceError: The body is malformed.
        """
        self.request = request
        self.awaits_continue = request.take_expectation()
        self.body = request.new_body()
        data = bytes(self.buffer)
        self.buffer.clear()
        return self.feed(data)

    def state(self) -> ReceiveState:
        """Say how far it has arrived, once its head is whole."""
        assert self.body is not None  # noqa: S101 - for the type checker
        if self.is_whole:
            return ReceiveState.WHOLE
        if self.wanted:
            return ReceiveState.BODY_AWAITED
        if self.awaits_continue or self.body.exceeds(SMALL_BODY):
            return ReceiveState.HEAD_SUFFICES
        return ReceiveState.BODY_AWAITED

    def want_body(self, now: float) -> None:
        """Note that the application wants the body; the client was not waited for until now."""
        self.wanted, self.begun = True, now

    def is_late(self, now: float, allowance: float) -> bool:
        """Say whether it has taken too long; after `allowance`, only a body at its pace has not."""
        seconds = now - self.begun
        return seconds > allowance and (
            self.body is None or self.received < seconds * MIN_BYTES_PER_S
        )
