"""The pipeline of all calls, by Flask or by the fast path."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from service.api.limits.rate_limits import RateLimits
from service.api.operation import Operation, Result
from service.api.problems.http_errors import NotFound
from service.auth.authentication import CALLER
from service.auth.caller import Authenticate, Caller
from service.domain.errors import InputError, InvalidRequest, Unavailable
from service.observability.exchange import RequestRecord, current_record
from service.usecases import deadlines

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MALFORMED_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
"""Malformed percent-encoding (RFC 3986, section 2.1), which decoders treat differently."""


class Pipeline:
    """The pipeline that performs calls, by Flask or by the fast path.

    Args:
        authenticate: Returns the caller.
        limits: The rate limits, if there are any.
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
            operation: The operation.
            environ: The WSGI environment of the request.
            brand: The brand in the path, unchecked; `None` if there is none.
            read: Returns the arguments of the view; called after the authorization.

        Raises:
            ServiceError: The call is refused or fails.
        """
        record = current_record()
        begin(record, operation.path, environ)
        self.identify(record, environ).authorize(operation.scopes, brand)
        refuse_odd_slashes(environ)
        arguments = read()
        record.note_subject(arguments)
        return operation.view(**arguments)

    def identify(self, record: RequestRecord, environ: "WSGIEnvironment") -> Caller:
        """Return the caller of a request, and count the call, both only once per request.

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
    """Record the route of a request, and refuse it if it is late or malformed.

    Raises:
        Unavailable: The deadline is over.
        InvalidRequest: The path or the query is malformed.
    """
    record.route = route
    if deadlines.is_over():
        raise Unavailable
    check_encoding(environ["PATH_INFO"], environ.get("QUERY_STRING", ""))


def check_encoding(path: str, query: str) -> None:
    """Refuse a path or query (as WSGI has them, PEP 3333) that is malformed or not UTF-8.

    Werkzeug would replace undecodable bytes, so that different names would become equal.

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
    """Refuse a path with an encoded slash, or with two slashes at the beginning.

    WSGI has the decoded path (PEP 3333), where an encoded slash would split a name in two; and
    werkzeug treats `//livez` as `/livez`, unlike other programs that see the request.

    Raises:
        NotFound: It has.
    """
    target: str = environ.get("RAW_URI", "")
    if ("%" in target and "%2f" in target.partition("?")[0].lower()) or environ[
        "PATH_INFO"
    ].startswith("//"):
        raise NotFound
