"""The record of a request: what its log line tells, and its span."""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
"""The form of a valid X-Request-ID; others are replaced."""
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:(?<!^00)-.*)?"
)
"""W3C Trace Context, section 3.2.2; the group is the trace id."""


class Pseudonyms:
    """Pseudonyms of user ids in logs: stable, and not reversible."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        """Use the secret key that `key` returns (BLAKE2b, RFC 7693), of at most 64 bytes."""
        self._key = key

    def of(self, user: str) -> str:
        """Return 16 hexadecimal digits for a user id."""
        return hashlib.blake2b(user.encode(), digest_size=8, key=self._key()).hexdigest()


class RequestRecord:
    """What the log line of a request tells, filled in on its way."""

    __slots__ = (
        "_pseudonyms",
        "brand",
        "caller",
        "campaign",
        "outcome",
        "problem",
        "refusal",
        "request_id",
        "route",
        "sent_bytes",
        "trace_id",
        "user_ref",
    )

    def __init__(self, environ: "WSGIEnvironment", pseudonyms: Pseudonyms) -> None:
        """Read the ids that the caller sent; a missing or invalid request id is replaced."""
        given = environ.get("HTTP_X_REQUEST_ID", "")
        trace = TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))
        self._pseudonyms = pseudonyms
        self.request_id: str = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        self.trace_id: str | None = trace[1] if trace else None
        self.route: str | None = None
        self.caller: str | None = None
        self.brand: str | None = None
        self.campaign: str | None = None
        self.user_ref: str | None = None
        self.outcome: str | None = None
        self.problem: str | None = None
        self.refusal: str | None = None
        self.sent_bytes: int | None = None

    def note_subject(self, arguments: Mapping[str, Any]) -> None:
        """Record the brand, the campaign and the user's pseudonym."""
        self.brand = arguments.get("brand")
        self.campaign = arguments.get("campaign")
        if "user" in arguments:
            self.user_ref = self._pseudonyms.of(arguments["user"])
