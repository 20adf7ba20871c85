"""Replies of views, independent of Flask and of the fast path."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
NOT_CACHED = ("Cache-Control", "no-store")
"""A field of every API answer: they contain secrets, and a GET reserves."""

Fields = list[tuple[str, str]]
"""The header fields of an answer."""


@dataclass(slots=True)
class Reply:
    """A JSON answer that must not be cached."""

    content: Any
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    media_type: str = JSON

    def encoded(self) -> tuple[bytes, Fields]:
        """Return the body, with a final line break for terminals, and all header fields."""
        if self.status == HTTPStatus.NO_CONTENT:
            return b"", [*self.headers, NOT_CACHED]
        body = orjson.dumps(self.content, option=orjson.OPT_APPEND_NEWLINE)
        length = ("Content-Length", str(len(body)))
        return body, [*self.headers, ("Content-Type", self.media_type), length, NOT_CACHED]


def encoded_path(path: str) -> str:
    """Return a path percent-encoded (RFC 3986, section 2.1)."""
    return quote(path, safe="/!$&'()*+,;=:@~")
