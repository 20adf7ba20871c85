"""Answers that are long lists, as the caller accepts them (RFC 9110, section 12.5.1)."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from socket import socket

from flask import Response, request, stream_with_context

from service.api.http_errors import NotAcceptable
from service.api.transfers import Pace, cut_unless_whole, paced_out
from service.formats.list_form import ListType
from service.observability.exchange import current_exchange


def accepted() -> ListType:
    """Return how the caller wants a list (RFC 9110, section 12.5.1).

    Raises:
        NotAcceptable: In none of the ways that there are.
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
    """Return how much a type is wanted: by the most specific range that it is in.

    Parameters of a range, such as `charset`, are no matter: there is one way to write each type.

    Returns:
        Its quality, 0 for not at all; then how specific and how early the range is.
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
    """Read the first part before the answer begins: what fails here is answered with a problem."""
    try:
        return next(parts, b"")
    except BaseException:
        close()
        raise


def streamed(
    parts: Iterator[bytes], pace: Pace, list_type: ListType, close: Callable[[], None]
) -> Response:
    """Answer with a list that is written while it is sent.

    Args:
        parts: The list.
        pace: Looks at how fast the client takes it.
        list_type: What the list is written as.
        close: Called when the answer ends, whole or not; once more does no harm.
    """
    first = _first_of(parts, close)
    client: socket | None = request.environ.get("gunicorn.socket")

    def whole() -> Iterator[bytes]:
        with cut_unless_whole(client):
            yield from paced_out(chain([first], parts), pace)
            close()  # before its end is sent: who then comes again finds everything free

    response = Response(stream_with_context(whole()), mimetype=list_type)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    response.call_on_close(close)
    current_exchange().streams = True
    return response
