"""The little of HTTP/1.1 (RFC 9112) that a scrape needs: a request's head, and a whole response."""

from typing import NamedTuple

END_OF_HEAD = b"\r\n\r\n"


class Request(NamedTuple):
    """What a client has asked for."""

    method: str
    path: str
    query: str
    fields: dict[str, str]
    """Header fields by their names in lower case."""


class Response(NamedTuple):
    """What it is answered."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def read_request(head: bytes) -> Request | None:
    """Read the head of a request; `None` if it is none."""
    lines = head.partition(END_OF_HEAD)[0].decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if END_OF_HEAD not in head or len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004
        return None
    path, _, query = words[1].partition("?")
    pairs = (line.partition(":") for line in lines[1:])
    return Request(words[0], path, query, {n.lower(): value.strip() for n, _, value in pairs})


def write_response(response: Response, *, body: bool) -> bytes:
    """Write a response, after which the connection ends."""
    lines = [
        f"HTTP/1.1 {response.status}",
        *(f"{name}: {value}" for name, value in response.headers),
        f"Content-Length: {len(response.body)}",
        "Connection: close",
    ]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head + response.body if body else head
