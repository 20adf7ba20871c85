"""The guard: no view runs for a caller without a token, unless the contract opens its path.

Default deny: any path that is not on the short list, even an unknown one, requires a token, and a
view that declares no scope admits nobody.
"""

from flask import Flask, current_app, g, request

from service.auth.bearer import Authenticate
from service.auth.caller import Caller, Scope
from service.call.body_state import CALLER
from service.domain.errors import InternalError

OPEN_PATHS = frozenset({"/", "/livez", "/readyz", "/apidocs", "/apispec_1.json", "/openapi.json"})
OPEN_BELOW = ("/apidocs/", "/problems/")
"""Paths that need no token: the contract's short list."""


def require_tokens(app: Flask, authenticate: Authenticate) -> None:
    """Put the guard before every view of `app`."""

    @app.before_request
    def guard() -> None:
        if is_open(request.path):
            return
        caller = request.environ.get(CALLER) or authenticate(
            request.headers.get("Authorization", "")
        )
        g.caller = request.environ[CALLER] = caller
        if request.endpoint is not None:
            brand = (request.view_args or {}).get("brand")
            caller.authorize(_declared_scope(request.endpoint), brand)


def is_open(path: str) -> bool:
    """Return whether a path needs no token."""
    return path in OPEN_PATHS or path.startswith(OPEN_BELOW)


def current_caller() -> Caller:
    """Return the caller of the current request."""
    caller: Caller = g.caller
    return caller


def _declared_scope(endpoint: str) -> Scope:
    """Return the scope that a view declares.

    Raises:
        InternalError: It declares none, which is a bug.
    """
    scope = getattr(current_app.view_functions[endpoint], "scope", None)
    if not isinstance(scope, Scope):
        raise InternalError
    return scope
