"""Bearer tokens in requests (RFC 6750)."""

from collections.abc import Callable

from service.auth.caller import Caller
from service.auth.tokens import Verifier
from service.domain.errors import Unauthenticated

_SCHEME = "bearer "

Authenticate = Callable[[str], Caller]
"""Returns the caller that an `Authorization` field names, or raises a `ServiceError`."""


def bearer_authentication(verifier: Verifier) -> Authenticate:
    """Return the function that authenticates callers by tokens that `verifier` accepts."""
    return lambda authorization: verifier.verify(_bearer_token(authorization))


def _bearer_token(header: str) -> str:
    """Return the token of an `Authorization` field (RFC 6750, section 2.1).

    Raises:
        Unauthenticated: There is none.
    """
    if header[: len(_SCHEME)].lower() != _SCHEME:
        raise Unauthenticated("The call carries no bearer token.")
    return header[len(_SCHEME) :].strip(" ")  # the space alone: Python knows many others
