"""What is the same for every stranger: written once, and sent again only where it has changed."""

import hashlib
from typing import NamedTuple

from flask import Response, request


class KeptPage(NamedTuple):
    """Bytes that do not change while the process lives."""

    body: bytes
    mimetype: str
    etag: str

    @classmethod
    def of(cls, body: bytes, mimetype: str = "text/html") -> "KeptPage":
        """Keep a page."""
        return cls(body, mimetype, hashlib.sha256(body).hexdigest())

    def answer(self) -> Response:
        """Answer the current request: 304 where the client has the page (RFC 9110, 13.1.2)."""
        response = Response(self.body, mimetype=self.mimetype)
        response.set_etag(self.etag)
        response.cache_control.no_cache = True  # kept, but asked about each time: it is versioned
        response.make_conditional(request)  # itself
        return response
