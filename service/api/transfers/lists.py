"""Answers that are long lists, as the caller accepts them (RFC 9110, section 12.5.1)."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from socket import socket

from flask import Response, request, stream_with_context

from service.api.problems.http_errors import NotAcceptable
from service.api.transfers.admission import TransferSpeed, reset_unless_complete, send_paced
from service.formats.list_form import ListType
from service.observability.exchange import current_exchange


def accepted_list_type() -> ListType:
    """Return the list type that the caller prefers (RFC 9110, section 12.5.1).

    Raises:
        NotAcceptable: The caller accepts none of the types.
    """
    ranges = list(request.accept_mimetypes)
    if not ranges:
        return ListType.CSV
    preferences = {each: _preference(each, ranges) for each in ListType}
    best = max(ListType, key=lambda each: preferences[each])
    if not preferences[best][0]:
        raise NotAcceptable
    return best


def _preference(list_type: ListType, ranges: Sequence[tuple[str, float]]) -> tuple[float, int, int]:
    """Return the rank of a type by the most specific range that contains it.

    Parameters of a range, such as `charset`, do not matter: each type has only one form.

    Returns:
        The quality (0: not acceptable), and how specific and how early the range is.
    """
    kind = list_type.partition("/")[0]
    names = ["*/*", f"{kind}/*", list_type.value]
    found = [
        (names.index(name), quality, -place)
        for place, (text, quality) in enumerate(ranges)
        if (name := text.partition(";")[0].strip().lower()) in names
    ]
    if not found:
        return 0.0, 0, 0
    specific, quality, place = max(found)
    return quality, specific, place


def _first_of(parts: Iterator[bytes], close: Callable[[], None]) -> bytes:
    """Read the first part before the answer begins, so that a failure becomes a problem."""
    try:
        return next(parts, b"")
    except BaseException:
        close()
        raise


def stream_list(
    parts: Iterator[bytes], speed: TransferSpeed, list_type: ListType, close: Callable[[], None]
) -> Response:
    """Return an answer whose list is written while it is sent.

    Args:
        parts: The list.
        speed: The speed at which the client receives.
        list_type: The media type of the list.
        close: Called when the answer ends, complete or not; may be called twice.
    """
    first = _first_of(parts, close)
    client: socket | None = request.environ.get("gunicorn.socket")

    def whole() -> Iterator[bytes]:
        with reset_unless_complete(client):
            yield from send_paced(chain([first], parts), speed)
            close()  # before the end is sent: a client that then comes again finds a free place

    response = Response(stream_with_context(whole()), mimetype=list_type)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    response.call_on_close(close)
    current_exchange().streams = True
    return response
