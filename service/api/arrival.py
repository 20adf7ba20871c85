"""What happens to every request before its view, and before the guard."""

import re
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from flask import Flask, request

from service.api.http_errors import NotFound
from service.call import deadlines
from service.domain.errors import InputError, InvalidRequest, Unavailable
from service.observability.request_log import current_record

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MALFORMED_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
"""RFC 3986, section 2.1: decoders leave it as it is, drop it or guess."""
RAISED = "discount.raised"
"""Where, in a WSGI environment, stands what was raised before Flask: problems are written there."""


def receive(app: Flask) -> None:
    """Note the route of each request, and refuse what cannot be read."""

    @app.before_request
    def arrive() -> None:
        if request.url_rule is not None:
            current_record().route = template(request.url_rule.rule)
        if RAISED in request.environ:
            raise request.environ[RAISED]
        if deadlines.is_over():
            raise Unavailable
        check_encoding(request.environ["PATH_INFO"], request.environ.get("QUERY_STRING", ""))


def refuse_odd_slashes(app: Flask) -> None:
    """Refuse a path that has an encoded slash, or two to begin with, once it is known who calls.

    PEP 3333 hands on a decoded path, in which an encoded slash would separate one name into two;
    and werkzeug reads `//livez` as `/livez`, which nobody else who sees the request does.
    """

    @app.before_request
    def refuse() -> None:
        if has_encoded_slash(request.environ) or request.environ["PATH_INFO"].startswith("//"):
            raise NotFound


def has_encoded_slash(environ: "WSGIEnvironment") -> bool:
    """Say whether the path, as it was sent, has an encoded slash."""
    target: str = environ.get("RAW_URI", "")
    return "%" in target and "%2f" in target.partition("?")[0].lower()


@cache
def template(rule: str) -> str:
    """Write a rule of Flask's as the contract does, with parameters in braces."""
    return re.sub(r"<(?:[^:>]*:)?(\w+)>", r"{\1}", rule)


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
