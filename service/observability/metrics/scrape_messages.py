"""The part of HTTP/1.1 (RFC 9112) that scrapes need: request heads, and complete responses."""

from typing import NamedTuple

END_OF_HEAD = b"\r\n\r\n"


class Request(NamedTuple):
    """A request."""

    method: str
    path: str
    query: str
    fields: dict[str, str]
    """Header fields by their names in lower case."""


class Response(NamedTuple):
    """A response."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def read_request(head: bytes) -> Request | None:
    """Parse the head of a request; `None` if it is malformed."""
    lines = head.partition(END_OF_HEAD)[0].decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if END_OF_HEAD not in head or len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004
        return None
    path, _, query = words[1].partition("?")
    pairs = (line.partition(":") for line in lines[1:])
    return Request(words[0], path, query, {n.lower(): value.strip() for n, _, value in pairs})


def write_response(response: Response, *, body: bool) -> bytes:
    """Return the bytes of a response, after which the connection ends."""
    lines = [
        f"HTTP/1.1 {response.status}",
        *(f"{name}: {value}" for name, value in response.headers),
        f"Content-Length: {len(response.body)}",
        "Connection: close",
    ]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head + response.body if body else head
