"""The state of a request's body, shared between the server and the application.

A request with a long body is dispatched as soon as its head is complete: everything that the head
decides (caller, path, type, length) is answered before the body is read, and by the same code as
all other requests.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

STREAM = "discount.stream"
"""A function that makes `wsgi.input` wait for the client, for transfers only."""


class BodyAwaited(BaseException):
    """The application wants the body, which is incomplete; it is called again with the body."""


def stream_body(environ: "WSGIEnvironment") -> None:
    """Stream the body in this thread from now on."""
    begin: Callable[[], None] | None = environ.get(STREAM)
    if begin:
        begin()
