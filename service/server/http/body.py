"""Bodies of requests, taken apart as they arrive: by their length or by chunks (RFC 9112).

Whatever is not exactly what the RFC says is refused: a body that two readers end at different
places is how requests are smuggled.
"""

import re
from typing import Protocol

from service.api.http_errors import HeadersTooLarge
from service.domain.errors import InputError, InvalidRequest, ServiceError

MAX_CHUNK_LINE = 1024
"""Bytes of a chunk's size with its extensions."""
MAX_EXTENSIONS = 16 * 1024
"""Bytes of all the chunk extensions of a body: nobody reads them."""
MAX_TRAILERS = 8190

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})"
    rb"((?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*)"
)
_PLAIN_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
"""The line before a chunk, without extensions."""
_TRAILER = re.compile(rb"(" + _TOKEN + rb"):[\t -~\x80-\xff]*")
_FORBIDDEN_TRAILERS = {
    *(b"host", b"content-length", b"transfer-encoding", b"trailer", b"authorization", b"te")
}
"""RFC 9110, section 6.5.1: they would change what the head has said."""


class Body(Protocol):
    """A body that is arriving."""

    content: bytearray
    """What has arrived and was not taken."""
    rest: bytes
    """What has arrived behind its end: the next request."""

    @property
    def ended(self) -> bool:
        """Whether all of it has arrived."""

    @property
    def held(self) -> int:
        """Bytes that are kept of it, and of what is behind it."""

    def feed(self, data: bytes) -> None:
        """Take what has arrived.

        Raises:
            ServiceError: It is malformed.
        """

    def exceeds(self, limit: int) -> bool:
        """Say whether it is known to be longer than so many bytes."""


class SizedBody:
    """A body of known length; one of length 0 has ended before it began."""

    __slots__ = ("_left", "content", "rest")

    def __init__(self, length: int) -> None:
        self.content = bytearray()
        self.rest = b""
        self._left = length

    @property
    def ended(self) -> bool:
        """Whether all of it has arrived."""
        return not self._left

    @property
    def held(self) -> int:
        """Bytes that are kept of it, and of what is behind it."""
        return len(self.content) + len(self.rest)

    def feed(self, data: bytes) -> None:
        """Take what has arrived."""
        part = data[: self._left]
        self.content += part
        self._left -= len(part)
        self.rest = data[len(part) :]

    def exceeds(self, limit: int) -> bool:
        """Say whether it is longer than so many bytes."""
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
        """Bytes that are kept of it, and of what is behind it."""
        return len(self.content) + len(self._raw) + len(self.rest)

    def feed(self, data: bytes) -> None:
        """Take what has arrived.

        Raises:
            ServiceError: It is malformed, or a line of it is too long.
        """
        self._raw += data
        while self._read():
            pass

    def exceeds(self, limit: int) -> bool:
        """Say whether it is known to be longer than so many bytes."""
        return len(self.content) + self._left > limit

    def _read_whole_chunks(self) -> None:
        """Read the chunks that are there whole, without extensions: thousands may have a byte."""
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
        """Return a line without its end, once it is there."""
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
    """Return the refusal of a body that is malformed."""
    return InvalidRequest([InputError("", "The chunks of the body are malformed.")])


def ends_too_soon() -> ServiceError:
    """Return the refusal of a body of which the client has sent a part."""
    return InvalidRequest([InputError("", "The body is incomplete.")])
