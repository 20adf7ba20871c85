"""Incremental parsing of request bodies with a length or in chunks (RFC 9112).

Everything that is not exactly as in the RFC is refused: request smuggling depends on two parsers
that see different ends of a body.
"""

import re
from typing import Protocol

from service.api.problems.http_errors import HeadersTooLarge
from service.domain.errors import InputError, InvalidRequest, ServiceError

MAX_CHUNK_LINE = 1024
"""Longest line of a chunk's size and extensions, in bytes."""
MAX_EXTENSIONS = 16 * 1024
"""Most bytes of all chunk extensions of a body, which are ignored."""
MAX_TRAILERS = 8190

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})"
    rb"((?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*)"
)
_PLAIN_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
"""The size line of a chunk without extensions."""
_TRAILER = re.compile(rb"(" + _TOKEN + rb"):[\t -~\x80-\xff]*")
_FORBIDDEN_TRAILERS = {
    *(b"host", b"content-length", b"transfer-encoding", b"trailer", b"authorization", b"te")
}
"""Fields that would override the head (RFC 9110, section 6.5.1)."""


class Body(Protocol):
    """A parser of a body."""

    content: bytearray
    """Received content that was not read yet."""
    rest: bytes
    """Bytes after the end of the body: the next request."""

    @property
    def ended(self) -> bool:
        """Whether the body is complete."""

    @property
    def held(self) -> int:
        """Bytes in memory, including those after the end."""

    def feed(self, data: bytes) -> None:
        """Parse received bytes.

        Raises:
            ServiceError: The body is malformed.
        """

    def exceeds(self, limit: int) -> bool:
        """Return whether the body is known to be longer than `limit` bytes."""


class SizedBody:
    """A body of known length."""

    __slots__ = ("_left", "content", "rest")

    def __init__(self, length: int) -> None:
        self.content = bytearray()
        self.rest = b""
        self._left = length

    @property
    def ended(self) -> bool:
        """Whether the body is complete."""
        return not self._left

    @property
    def held(self) -> int:
        """Bytes in memory, including those after the end."""
        return len(self.content) + len(self.rest)

    def feed(self, data: bytes) -> None:
        """Parse received bytes."""
        part = data[: self._left]
        self.content += part
        self._left -= len(part)
        self.rest = data[len(part) :]

    def exceeds(self, limit: int) -> bool:
        """Return whether the body is longer than `limit` bytes."""
        return len(self.content) + self._left > limit


class ChunkedBody:
    """A body in chunks (RFC 9112, section 7.1). Extensions and trailers are checked and dropped."""

    __slots__ = ("_extensions", "_left", "_raw", "_read", "content", "ended", "rest")

    def __init__(self) -> None:
        self.content = bytearray()
        self.ended = False
        self.rest = b""
        self._raw = bytearray()
        self._left = 0
        self._extensions = 0
        self._read = self._read_size

    @property
    def held(self) -> int:
        """Bytes in memory, including those after the end."""
        return len(self.content) + len(self._raw) + len(self.rest)

    def feed(self, data: bytes) -> None:
        """Parse received bytes.

        Raises:
            ServiceError: The body is malformed, or a line is too long.
        """
        self._raw += data
        while self._read():
            pass

    def exceeds(self, limit: int) -> bool:
        """Return whether the body is known to be longer than `limit` bytes."""
        return len(self.content) + self._left > limit

    def _read_whole_chunks(self) -> None:
        """Read complete chunks without extensions quickly, as there may be thousands."""
        raw, at = bytes(self._raw), 0
        while begins := _PLAIN_SIZE.match(raw, at):
            start, size = begins.end(), int(begins[1], 16)
            if not size or raw[start + size : start + size + 2] != b"\r\n":
                break
            self.content += raw[start : start + size]
            at = start + size + 2
        del self._raw[:at]

    def _read_size(self) -> bool:
        self._read_whole_chunks()
        line = self._line()
        if line is None:
            return False
        found = _CHUNK_LINE.fullmatch(line)
        self._extensions += len(found[2]) if found else 0
        if found is None or self._extensions > MAX_EXTENSIONS:
            raise malformed()
        self._left = int(found[1], 16)
        self._read = self._read_content if self._left else self._read_trailers
        return True

    def _line(self) -> bytes | None:
        """Return a complete line without its end, or `None`."""
        end = self._raw.find(b"\n", 0, MAX_CHUNK_LINE)
        if end < 0:
            if len(self._raw) >= MAX_CHUNK_LINE:
                raise malformed()
            return None
        line = bytes(self._raw[:end])
        del self._raw[: end + 1]
        if not line.endswith(b"\r"):
            raise malformed()
        return line[:-1]

    def _read_content(self) -> bool:
        part = self._raw[: self._left]
        self.content += part
        self._left -= len(part)
        del self._raw[: len(part)]
        if not self._left:
            self._read = self._read_end_of_chunk
        return bool(part)

    def _read_end_of_chunk(self) -> bool:
        end = bytes(self._raw[:2])
        if not b"\r\n".startswith(end):
            raise malformed()
        if len(end) < len(b"\r\n"):
            return False
        del self._raw[:2]
        self._read = self._read_size
        return True

    def _read_trailers(self) -> bool:
        if self._raw.startswith(b"\r\n"):
            return self._end(b"", len(b"\r\n"))
        end = self._raw.find(b"\r\n\r\n")
        if max(end, len(self._raw) if end < 0 else 0) > MAX_TRAILERS:
            raise HeadersTooLarge("The trailers of the body are too long. Nothing was changed.")
        if end < 0:
            if self._raw.count(b"\n") != self._raw.count(b"\r\n"):
                raise malformed()
            return False
        return self._end(bytes(self._raw[:end]), end + len(b"\r\n\r\n"))

    def _end(self, trailers: bytes, length: int) -> bool:
        for line in trailers.split(b"\r\n") if trailers else ():
            found = _TRAILER.fullmatch(line)
            if found is None or found[1].lower() in _FORBIDDEN_TRAILERS:
                raise malformed()
        self.rest = bytes(self._raw[length:])
        self._raw.clear()
        self.ended = True
        self._read = self._ended
        return False

    @staticmethod
    def _ended() -> bool:
        return False


def malformed() -> ServiceError:
    """Return the error of a malformed body."""
    return InvalidRequest([InputError("", "The chunks of the body are malformed.")])


def ends_too_soon() -> ServiceError:
    """Return the error of an incomplete body."""
    return InvalidRequest([InputError("", "The body is incomplete.")])
