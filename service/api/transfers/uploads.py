"""Request bodies other than JSON: read as a stream, never completely in memory."""

from collections.abc import Callable, Iterator

from flask import request

from service.api.problems.http_errors import RequestTimeout, UnsupportedMediaType
from service.domain.errors import InputError, InvalidRequest, ServiceError, TooLarge
from service.formats.list_form import MEDIA_TYPES, ListForm, ListType

STREAM = "discount.stream"
"""The key, in a WSGI environment, of a function that makes `wsgi.input` wait for the client."""
BLOCK_BYTES = 64 * 1024
CHARSETS = {"utf-8", "utf8", "us-ascii"}


def uploaded_form(max_bytes: int) -> ListForm:
    """Return the form of the body by its header fields, and refuse what cannot be read.

    No content coding is accepted: a short body can decompress to any length.

    Raises:
        UnsupportedMediaType: The body is of another type or charset, or compressed.
        TooLarge: Its Content-Length is more than `max_bytes`.
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


def body_blocks() -> Iterator[bytes]:
    """Yield the body as it arrives, from the server's stream, as in `parsing.py`.

    Raises:
        RequestTimeout: The client is too slow.
        InvalidRequest: The body ends too soon, or its chunks are malformed.
    """
    begin: Callable[[], None] | None = request.environ.get(STREAM)
    if begin:
        begin()
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
