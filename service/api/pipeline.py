"""What happens to each call, whichever way it comes: by Flask or by the fast path."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from service.api.limits.rate_limits import RateLimits
from service.api.operation import Operation, Result
from service.api.problems.http_errors import NotFound
from service.auth.authentication import CALLER
from service.auth.bearer import Authenticate
from service.auth.caller import Caller
from service.domain.errors import InputError, InvalidRequest, Unavailable
from service.observability.exchange import RequestRecord, current_record
from service.usecases import deadlines

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MALFORMED_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
"""RFC 3986, section 2.1: decoders leave it as it is, drop it or guess."""


class Pipeline:
    """Performs calls, whichever way they come.

    Args:
        authenticate: Returns who calls.
        limits: Counts the calls of each caller, if there is a limit.
    """

    def __init__(self, authenticate: Authenticate, limits: RateLimits | None) -> None:
        self._authenticate, self._limits = authenticate, limits

    def perform(
        self,
        operation: Operation,
        environ: "WSGIEnvironment",
        brand: str | None,
        read: Callable[[], Mapping[str, Any]],
    ) -> Result:
        """Perform a call of an operation.

        Args:
            operation: What is called.
            environ: The request.
            brand: The one that the path names, as it stands there; `None` where it names none.
            read: Reads the arguments of the view, once it is known that the caller may call.

        Raises:
            ServiceError: The call is refused, or fails.
        """
        record = current_record()
        begin(record, operation.path, environ)
        self.identify(record, environ).authorize(operation.scope, brand)
        refuse_odd_slashes(environ)
        arguments = read()
        record.note_subject(arguments)
        return operation.view(**arguments)

    def identify(self, record: RequestRecord, environ: "WSGIEnvironment") -> Caller:
        """Return who makes a request, and count the call; both are done once.

        Raises:
            ServiceError: The caller is unknown, or has made too many calls.
        """
        caller: Caller | None = environ.get(CALLER)
        if caller is None:
            caller = self._authenticate(environ.get("HTTP_AUTHORIZATION", ""))
            record.caller = caller.subject
            if self._limits:
                self._limits.admit(caller)
            environ[CALLER] = caller
        return caller


def begin(record: RequestRecord, route: str | None, environ: "WSGIEnvironment") -> None:
    """Note the route of a request, and refuse one that is late or cannot be read.

    Raises:
        Unavailable: It should have been answered by now.
        InvalidRequest: Its path or its query is malformed.
    """
    record.route = route
    if deadlines.is_over():
        raise Unavailable
    check_encoding(environ["PATH_INFO"], environ.get("QUERY_STRING", ""))


def check_encoding(path: str, query: str) -> None:
    """Refuse a path or query (as WSGI has them, PEP 3333) that is malformed or not UTF-8.

    Werkzeug would replace what it cannot decode, and so make one name out of many.

    Raises:
        InvalidRequest: It is not.
    """
    if path.isascii() and "%" not in query and query.isascii():
        return
    if MALFORMED_PERCENT.search(query):
        raise InvalidRequest([InputError("", "The percent-encoding of the query is malformed.")])
    try:
        path.encode("latin-1").decode()
        unquote_to_bytes(query.encode("latin-1")).decode()
    except UnicodeError as error:
        raise InvalidRequest(
            [InputError("", "The path or the query is not valid UTF-8.")]
        ) from error


def refuse_odd_slashes(environ: "WSGIEnvironment") -> None:
    """Refuse a path that has an encoded slash, or two to begin with, once it is known who calls.

    PEP 3333 hands on a decoded path, in which an encoded slash would separate one name into two;
    and werkzeug reads `//livez` as `/livez`, which nobody else who sees the request does.

    Raises:
        NotFound: It has.
    """
    target: str = environ.get("RAW_URI", "")
    if ("%" in target and "%2f" in target.partition("?")[0].lower()) or environ[
        "PATH_INFO"
    ].startswith("//"):
        raise NotFound
