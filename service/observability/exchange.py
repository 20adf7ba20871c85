"""A request and its answer: what is logged, which header fields are added, how it is sent."""

from contextvars import ContextVar
from typing import Protocol

from service.observability.request_record import RequestRecord

EXCHANGE = "discount.exchange"
"""Where, in a WSGI environment, an exchange stands that was begun before its body had arrived."""
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


class Trace(Protocol):
    """The span of a request."""

    @property
    def trace_id(self) -> str:
        """The id of the trace, in 32 hexadecimal digits."""

    def end(self, method: str, status: int, record: "RequestRecord") -> None:
        """Record the answer, and end the span."""


class Exchange:
    """A request that is being answered."""

    __slots__ = ("policy", "rate_limit", "record", "streams", "trace")

    def __init__(self, record: RequestRecord, trace: Trace | None = None) -> None:
        self.record = record
        self.trace = trace
        self.policy = LOCKED_DOWN
        """The Content-Security-Policy of the answer."""
        self.rate_limit: tuple[tuple[str, str], ...] = ()
        """The header fields that tell the caller where it stands."""
        self.streams = False
        """Whether the answer is sent while it is made."""

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
    """Return the exchange whose request is being answered."""
    return _CURRENT.get()


def current_record() -> RequestRecord:
    """Return the record of the current request."""
    return _CURRENT.get().record


def use_exchange(exchange: Exchange) -> None:
    """Answer the request of an exchange from now on."""
    _CURRENT.set(exchange)
