"""Bodies that are no JSON: taken as they come, and never whole in memory."""

from collections.abc import Iterator

from flask import request

from service.api.body_state import stream_body
from service.api.http_errors import RequestTimeout, UnsupportedMediaType
from service.domain.errors import InputError, InvalidRequest, ServiceError, TooLarge
from service.formats.list_form import MEDIA_TYPES, ListForm, ListType

BLOCK_BYTES = 64 * 1024
CHARSETS = {"utf-8", "utf8", "us-ascii"}


def sent_form(max_bytes: int) -> ListForm:
    """Return how the body is said to be written, and refuse what could not be read anyway.

    No content coding is taken: what a short body unpacks to has no limit.

    Raises:
        UnsupportedMediaType: In none of the ways that there are, or packed.
        TooLarge: It is said to be longer than `max_bytes`.
    """
    coding = request.headers.get("Content-Encoding", "identity")
    charset = request.mimetype_params.get("charset", "utf-8")
    if (
        request.mimetype not in set(ListType)
        or coding.strip().lower() != "identity"
        or charset.lower() not in CHARSETS
    ):
        raise UnsupportedMediaType(
            f"Send {MEDIA_TYPES} in UTF-8, without a Content-Encoding. Nothing was changed."
        )
    if (request.content_length or 0) > max_bytes:
        raise TooLarge(f"A list has at most {max_bytes} bytes. Nothing was changed.")
    return ListType(request.mimetype).form


def blocks() -> Iterator[bytes]:
    """Read the body as it comes; gunicorn's own stream, as in `parsing.py`.

    Raises:
        RequestTimeout: It comes too slowly.
        InvalidRequest: It ends too soon, or its chunks are malformed.
    """
    stream_body(request.environ)
    stream, left = request.environ["wsgi.input"], request.content_length
    while left is None or left:
        try:
            block: bytes = stream.read(BLOCK_BYTES)
        except (BlockingIOError, TimeoutError) as error:
            raise RequestTimeout from error
        except ServiceError:
            raise
        except Exception as error:
            raise InvalidRequest([InputError("", "The body could not be read.")]) from error
        if not block:
            break
        if left is not None:
            left -= len(block)
        yield block
    if left:
        raise InvalidRequest([InputError("", "The body is incomplete.")])
