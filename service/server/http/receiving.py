"""Receiving requests: the event loop buffers them, and no thread waits for a client.

An incomplete head is never dispatched. A body is buffered as well if the application wants it
(`observability/exchange.py`); what it does not want, it answers from the head.
"""

from enum import Enum, auto
from typing import Any

from service.server.http.body import Body
from service.server.http.head import MAX_HEAD, HttpRequest, check_beginning
from service.server.http.streaming import MIN_BYTES_PER_S, PACE_AFTER_S

SMALL_BODY = 16 * 1024
"""Bytes of a body that are buffered before the application decides whether it wants the body."""
MAX_BODY = 1024 * 1024
"""Most bytes of a body that are buffered: a longer one is too large for every call."""
REQUEST_TIMEOUT_S = PACE_AFTER_S
"""How long a client may take to send a request; longer if its body is fast enough."""

_END = b"\r\n\r\n"


class ReceiveState(Enum):
    """How far a request has been received."""

    HEAD_AWAITED = auto()
    HEAD_WHOLE = auto()
    BODY_AWAITED = auto()
    HEAD_SUFFICES = auto()
    """The body is long, or its sender waits for `100 Continue`."""
    WHOLE = auto()


class BufferedRequest:
    """A request that is being received.

    Args:
        begun: When receiving began, on the clock `time.monotonic`.
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
        """The bytes of the head, and those received with its end."""
        self.head = b""
        self.request: HttpRequest | None = None
        self.body: Body | None = None
        self.awaits_continue = False
        """Whether the client waits for `100 Continue`."""
        self.received = 0
        """Bytes of the body, with its transfer coding."""
        self.wanted = False
        """Whether the application wants the body."""
        self.kept: dict[str, Any] = {}
        """The results of the application before it wanted the body."""
        self._checked = 0

    @property
    def size(self) -> int:
        """Bytes of memory, approximately; a head is kept as bytes and parsed."""
        return len(self.buffer) + 2 * len(self.head) + (self.body.held if self.body else 0)

    @property
    def has_data(self) -> bool:
        """Whether anything has been received."""
        return bool(self.head or self.buffer)

    @property
    def is_head(self) -> bool:
        """Whether the method is HEAD, so that the answer has no content."""
        return (self.head or self.buffer).startswith(b"HEAD ")

    @property
    def is_whole(self) -> bool:
        """Whether everything has been received that will be read."""
        return self.body is not None and (self.body.ended or len(self.body.content) > MAX_BODY)

    def feed(self, data: bytes | memoryview) -> ReceiveState:
        """Parse received bytes.

        Raises:
            ServiceError: The request is malformed.
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
        """Set the parsed head; the bytes after it belong to the body.

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
        """Return how far a request with a complete head has been received."""
        assert self.body is not None  # noqa: S101 - for the type checker
        if self.is_whole:
            return ReceiveState.WHOLE
        if self.wanted:
            return ReceiveState.BODY_AWAITED
        if self.awaits_continue or self.body.exceeds(SMALL_BODY):
            return ReceiveState.HEAD_SUFFICES
        return ReceiveState.BODY_AWAITED

    def want_body(self, now: float) -> None:
        """Note that the application wants the body, whose time begins now."""
        self.wanted, self.begun = True, now

    def is_late(self, now: float, allowance: float) -> bool:
        """Return whether the request is late: `allowance` is over, and the body is too slow."""
        seconds = now - self.begun
        return seconds > allowance and (
            self.body is None or self.received < seconds * MIN_BYTES_PER_S
        )
