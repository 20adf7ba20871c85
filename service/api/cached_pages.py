"""Public pages: rendered once, and sent only to clients without the current version."""

import hashlib
from typing import NamedTuple

from flask import Response, request


class CachedPage(NamedTuple):
    """A page that does not change while the process lives."""

    body: bytes
    mimetype: str
    etag: str

    @classmethod
    def of(cls, body: bytes, mimetype: str = "text/html") -> "CachedPage":
        """Return a page with its entity tag."""
        return cls(body, mimetype, hashlib.sha256(body).hexdigest())

    def answer(self) -> Response:
        """Answer the current request: 304 if the client has the page (RFC 9110, 13.1.2)."""
        response = Response(self.body, mimetype=self.mimetype)
        response.set_etag(self.etag)
        response.cache_control.no_cache = True  # clients revalidate each time
        response.make_conditional(request)
        return response
