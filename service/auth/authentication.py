"""Authentication of requests, and the paths that need none."""

from flask import request

from service.auth.caller import Caller

CALLER = "discount.caller"
"""Where the caller stands in a WSGI environment: a call that is answered only when its body has
arrived counts once against its rate limit."""
OPEN_PATHS = frozenset({"/", "/livez", "/readyz", "/apidocs", "/apispec_1.json", "/openapi.json"})
OPEN_BELOW = ("/apidocs/", "/problems/")
"""Paths that need no token: the contract's short list."""


def is_open(path: str) -> bool:
    """Return whether a path needs no token."""
    return path in OPEN_PATHS or path.startswith(OPEN_BELOW)


def current_caller() -> Caller:
    """Return the caller of the current request."""
    caller: Caller = request.environ[CALLER]
    return caller
