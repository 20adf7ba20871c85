"""Request heads, read by gunicorn's parser, with stricter checks.

If two programs parse a head differently, a caller can get another caller's answer. So everything
ambiguous is refused, and the fields that select a code must occur exactly once, well-formed.
"""

import re
from typing import Any

from gunicorn.config import Config
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import ExpectationFailed as GunicornExpectationFailed
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from service.api.problems.http_errors import ExpectationFailed, HeadersTooLarge, UriTooLong
from service.domain.errors import InvalidRequest, ServiceError
from service.server.http.body import Body, ChunkedBody, SizedBody

MAX_HEAD = 32 * 1024
"""Longest head in bytes, which is buffered before the caller is known."""
MAX_REQUEST_LINE = 8190

HTTP_1_1 = (1, 1)
_MALFORMED_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ABSOLUTE = re.compile(r"https?://[A-Za-z0-9.\-_~%!$&'()*+,;=:\[\]]+(?=[/?]|$)", re.IGNORECASE)
"""Scheme and authority of an absolute-form target (RFC 9112, section 3.2.2), without userinfo."""
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-_~%!$&'()*+,;=]+)(?::[0-9]*)?")
"""RFC 9110, section 7.2; an http URI has no empty host (section 4.2.1)."""
_CODING = "TRANSFER-ENCODING"
"""RFC 9112, section 6.1: content of an unknown coding must not be taken for the body."""
_ONCE = {"IDEMPOTENCY-KEY", "CONTENT-ENCODING", "EXPECT"}
"""Single-valued fields that gunicorn would join; it refuses a second Host or Content-Length itself.

Two Authorization fields, joined, are not a valid token, and are answered with 401.
"""


class HttpRequest(Request):
    """A request with a complete head."""

    _expected_100_continue: bool

    def close_after(self) -> bool:
        """Return whether the client, or its protocol version, wants the connection closed.

        Connection is a list in one line or several (RFC 9110, section 7.6.1).
        """
        options = {
            option.strip(" \t").lower()
            for name, value in self.headers
            if name == "CONNECTION"
            for option in value.split(",")
        }
        if "close" in options or self.method == "CONNECT":
            return True
        return self.version < HTTP_1_1 and "keep-alive" not in options

    def should_close(self) -> bool:
        """Return whether the connection must close, for gunicorn."""
        return self.must_close or self.close_after()

    def take_expectation(self) -> bool:
        """Return whether the client waits for a `100 Continue` before it sends the body.

        gunicorn would send it before the request is checked.
        """
        awaits: bool = self._expected_100_continue
        self._expected_100_continue = False
        return awaits

    def new_body(self) -> Body:
        """Return the parser of the body."""
        reader: Any = self.body.reader
        if isinstance(reader, ChunkedReader):
            return ChunkedBody()
        return SizedBody(reader.length if isinstance(reader, LengthReader) else 0)


def read_head(head: bytes, config: Config, client: Any) -> HttpRequest:
    """Parse a head, including the empty line at its end.

    Raises:
        ServiceError: The head is refused.
    """
    try:
        request = HttpRequest(config, IterUnreader([head]), client)
    except LimitRequestLine as error:
        raise UriTooLong from error
    except LimitRequestHeaders as error:
        raise HeadersTooLarge from error
    except GunicornExpectationFailed as error:
        raise ExpectationFailed from error
    except (ParseException, OSError, StopIteration) as error:
        raise malformed_head() from error
    _check_target(request)
    _check_fields(request)
    return request


def check_beginning(head: bytearray, checked: int) -> None:
    """Check the beginning of a head, which may already be invalid.

    Args:
        head: The bytes of the incomplete head.
        checked: How many of them were checked before.

    Raises:
        ServiceError: The head is refused.
    """
    if len(head) > MAX_REQUEST_LINE and head.find(b"\n", 0, MAX_REQUEST_LINE + 2) < 0:
        raise UriTooLong
    if len(head) > MAX_HEAD:
        raise HeadersTooLarge
    if head.count(b"\n", checked) != head.count(b"\r\n", max(0, checked - 1)):
        raise malformed_head()  # RFC 9112, section 2.2: it would never end


def malformed_head() -> ServiceError:
    """Return the error of a malformed head."""
    return InvalidRequest(detail="The request is not well-formed HTTP.")


def _check_target(request: HttpRequest) -> None:
    """Refuse an invalid or ambiguous request target (RFC 9112, section 3.2)."""
    target = request.uri
    absolute = _ABSOLUTE.match(target)
    if (
        "#" in target  # a fragment is not allowed: `room#12` would be `room`
        or _MALFORMED_PERCENT.search(target)
        or not (target.startswith("/") or absolute or target == "*" or request.method == "CONNECT")
    ):
        raise InvalidRequest(detail="The request target is malformed. Nothing was changed.")
    if request.method == "CONNECT":
        request.path = "*"  # an authority must not be read as a path
    elif absolute and not request.path:
        request.path = "/"


def _check_fields(request: HttpRequest) -> None:
    names = [name for name, _ in request.headers]
    if any(names.count(name) > 1 for name in _ONCE):
        raise InvalidRequest(detail="A single-value header field occurs more than once.")
    codings = [value.strip().lower() for name, value in request.headers if name == _CODING]
    if codings not in ([], ["chunked"]):
        raise InvalidRequest(detail="The only supported transfer coding is chunked.")
    hosts = [value for name, value in request.headers if name == "HOST"]
    if request.version >= HTTP_1_1 and not hosts:
        raise InvalidRequest(detail="The request has no Host header field.")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise InvalidRequest(detail="The Host header field is malformed.")
