"""Exchanges: a request and its answer, with its record, header fields and policy."""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

EXCHANGE = "discount.exchange"
"""The key, in a WSGI environment, of an exchange that began before its body arrived."""
LOCKED_DOWN = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The default Content-Security-Policy (level 3): nothing may be loaded."""
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),  # for browsers without frame-ancestors
    ("Referrer-Policy", "no-referrer"),  # paths hold user ids
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
"""Fields of every answer besides its policy. No HSTS: TLS ends at the proxy in front."""
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
    """The facts of a request's log line, collected while it is processed."""

    __slots__ = (
        "_pseudonyms",
        "brand",
        "caller",
        "campaign",
        "outcome",
        "problem",
        "refusal",
        "reported",
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
        self.reported = False
        """Whether a line of level error has told the cause of a failure."""
        self.sent_bytes: int | None = None

    def note_subject(self, arguments: Mapping[str, Any]) -> None:
        """Record the brand, the campaign and the user's pseudonym."""
        self.brand = arguments.get("brand")
        self.campaign = arguments.get("campaign")
        if "user" in arguments:
            self.user_ref = self._pseudonyms.of(arguments["user"])


class BodyAwaited(BaseException):
    """The application wants the body, which is incomplete; it is called again with the body.

    A request with a long body is dispatched as soon as its head is complete: everything that the
    head decides (caller, path, type, length) is answered before the body is read, and by the same
    code as all other requests.
    """


class Trace(Protocol):
    """The span of a request."""

    @property
    def trace_id(self) -> str:
        """The id of the trace, in 32 hexadecimal digits."""

    def end(self, method: str, status: int, record: "RequestRecord") -> None:
        """Record the answer, and end the span."""


class Exchange:
    """A request and its answer in progress."""

    __slots__ = ("logged", "policy", "rate_limit", "record", "streams", "trace")

    def __init__(self, record: RequestRecord, trace: Trace | None = None) -> None:
        self.record = record
        self.trace = trace
        self.policy = LOCKED_DOWN
        """The Content-Security-Policy of the answer."""
        self.rate_limit: tuple[tuple[str, str], ...] = ()
        """The header fields of the caller's rate limit."""
        self.streams = False
        """Whether the answer is streamed."""
        self.logged = True
        """Whether the request has a log line: probes have one if their answer changes."""

    def header_fields(self) -> list[tuple[str, str]]:
        """Return the header fields that the answer has besides those of its view."""
        return [
            ("X-Request-ID", self.record.request_id),
            ("Content-Security-Policy", self.policy),
            *SECURITY_HEADERS,
            *self.rate_limit,
        ]


_CURRENT: ContextVar[Exchange] = ContextVar("exchange")


def current_exchange() -> Exchange:
    """Return the current exchange."""
    return _CURRENT.get()


def current_record() -> RequestRecord:
    """Return the record of the current request."""
    return _CURRENT.get().record


def use_exchange(exchange: Exchange) -> None:
    """Set the current exchange."""
    _CURRENT.set(exchange)
