"""What the server and the application tell each other about a request's body.

A request is given to the application as soon as its head is whole, if its body is long: whatever
the head decides (who calls, the path, the type, the length) is answered before the body is asked
for, and by the code that answers everything else.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

STREAM = "discount.stream"
"""A function; once it was called, `wsgi.input` waits for the client. Only a transfer may."""


class BodyAwaited(BaseException):
    """The application wants the body, which has not arrived; it is asked again when it has."""


def stream_body(environ: "WSGIEnvironment") -> None:
    """Have the body read as it comes, in this thread."""
    begin: Callable[[], None] | None = environ.get(STREAM)
    if begin:
        begin()
