"""Who makes a request, and what answers without a token."""

from typing import TYPE_CHECKING

from flask import request

from service.auth.bearer import Authenticate
from service.auth.caller import Caller
from service.call.body_state import CALLER

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

OPEN_PATHS = frozenset({"/", "/livez", "/readyz", "/apidocs", "/apispec_1.json", "/openapi.json"})
OPEN_BELOW = ("/apidocs/", "/problems/")
"""What answers without a token: the contract's short list."""


def is_open(path: str) -> bool:
    """Say whether a path answers without a token."""
    return path in OPEN_PATHS or path.startswith(OPEN_BELOW)


def authenticated(environ: "WSGIEnvironment", authenticate: Authenticate) -> Caller:
    """Return who makes a request, which is found out once.

    Raises:
        ServiceError: Nobody who may.
    """
    caller: Caller = environ.get(CALLER) or authenticate(environ.get("HTTP_AUTHORIZATION", ""))
    environ[CALLER] = caller
    return caller


def current_caller() -> Caller:
    """Return who makes the request that is being answered."""
    caller: Caller = request.environ[CALLER]
    return caller
