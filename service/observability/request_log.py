"""The outermost middleware: request id, log line and metrics of each request.

It also adds the header fields that all answers have.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from structlog.typing import FilteringBoundLogger

from service.call.body_state import RECORD, BodyAwaited
from service.observability.metrics.instruments import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
"""The form of a valid X-Request-ID; others are replaced."""
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:(?<!^00)-.*)?"
)
"""W3C Trace Context, section 3.2.2; the group is the trace id."""
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


class Pseudonyms:
    """Pseudonyms of user ids in logs: stable, and not reversible."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        """Use the secret key that `key` returns (BLAKE2b, RFC 7693), of at most 64 bytes."""
        self._key = key

    def of(self, user: str) -> str:
        """Return 16 hexadecimal digits for a user id."""
        return hashlib.blake2b(user.encode(), digest_size=8, key=self._key()).hexdigest()


class Trace(Protocol):
    """The span of a request."""

    @property
    def trace_id(self) -> str:
        """The id of the trace, in 32 hexadecimal digits."""

    def end(self, method: str, status: int, record: "RequestRecord") -> None:
        """Record the answer, and end the span."""


class Tracer(Protocol):
    """A source of spans for requests."""

    def begin(self, environ: "WSGIEnvironment") -> Trace | None:
        """Begin the span of a request; `None` if tracing is off."""


class RequestRecord:
    """The facts about a request for logs, metrics and headers, collected while it is processed."""

    __slots__ = (
        "_pseudonyms",
        "brand",
        "caller",
        "campaign",
        "headers",
        "outcome",
        "policy",
        "problem",
        "refusal",
        "request_id",
        "route",
        "sent",
        "trace",
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
        self.trace: Trace | None = None
        self.route: str | None = None
        self.caller: str | None = None
        self.brand: str | None = None
        self.campaign: str | None = None
        self.user_ref: str | None = None
        self.outcome: str | None = None
        self.problem: str | None = None
        self.refusal: str | None = None
        self.sent: int | None = None
        self.policy = LOCKED_DOWN
        self.headers: tuple[tuple[str, str], ...] = ()

    def answer_headers(self) -> list[tuple[str, str]]:
        """Return the header fields that the answer has besides those of its view."""
        return [
            ("X-Request-ID", self.request_id),
            ("Content-Security-Policy", self.policy),
            *SECURITY_HEADERS,
            *self.headers,
        ]

    def note_subject(self, arguments: Mapping[str, Any]) -> None:
        """Record the brand, the campaign and the user's pseudonym."""
        self.brand = arguments.get("brand")
        self.campaign = arguments.get("campaign")
        if "user" in arguments:
            self.user_ref = self._pseudonyms.of(arguments["user"])


_CURRENT: ContextVar[RequestRecord] = ContextVar("record")


def current_record() -> RequestRecord:
    """Return the record of the current request."""
    return _CURRENT.get()


def use_record(record: RequestRecord) -> None:
    """Set the record of the current request."""
    _CURRENT.set(record)


class RequestLog:
    """Request records: each is begun here, then counted, traced and logged."""

    def __init__(
        self,
        pseudonyms: Pseudonyms,
        metrics: Metrics,
        log: FilteringBoundLogger,
        tracer: Tracer | None = None,
    ) -> None:
        self._pseudonyms = pseudonyms
        self._metrics = metrics
        self._log = log
        self._tracer = tracer

    def begin(self, environ: "WSGIEnvironment") -> RequestRecord:
        """Begin the record of a request, and its span."""
        record = RequestRecord(environ, self._pseudonyms)
        if self._tracer and (trace := self._tracer.begin(environ)):
            record.trace, record.trace_id = trace, trace.trace_id
        return record

    def finish(self, method: str, status: int, seconds: float, record: RequestRecord) -> None:
        """Count, trace and log an answered request."""
        try:
            if record.trace:
                record.trace.end(method, status, record)
            self._metrics.request(method, record.route, status, seconds)
        except Exception as error:  # noqa: BLE001 - observability must not fail a call
            self._log.warning("request_not_observed", exc_info=error)
        say = self._log.error if status >= HTTPStatus.INTERNAL_SERVER_ERROR else self._log.info
        say(
            "request",
            request_id=record.request_id,
            trace_id=record.trace_id,
            method=method,
            route=record.route,
            status=status,
            duration_ms=round(seconds * 1000, 3),
            caller=record.caller,
            brand=record.brand,
            campaign=record.campaign,
            user_ref=record.user_ref,
            outcome=record.outcome or _outcome(status),
            problem=record.problem,
            refusal=record.refusal,
            sent_bytes=record.sent,
        )


class RequestLogging:
    """The outermost middleware, which sees every request, even those without a view.

    Args:
        app: Answers the requests.
        requests: Begins and finishes the records.
    """

    def __init__(self, app: "WSGIApplication", requests: RequestLog) -> None:
        self.app = app
        self._requests = requests

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request, then count and log it."""
        started = time.perf_counter()
        record = environ.get(RECORD) or self._requests.begin(environ)
        use_record(record)
        status = 500

        def start(line: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            nonlocal status
            status = int(line[:3])
            return start_response(line, [*headers, *record.answer_headers()], *rest)

        def finish() -> None:
            seconds = time.perf_counter() - started
            self._requests.finish(environ["REQUEST_METHOD"], status, seconds, record)

        try:
            answer = self.app(environ, start)
        except BodyAwaited:  # the same request comes again, with its body
            environ[RECORD] = record
            raise
        except BaseException:
            finish()
            raise
        if record.sent is None:
            finish()
            return answer
        return _Streamed(answer, record, finish)


@runtime_checkable
class _Closable(Protocol):
    def close(self) -> None: ...


def _outcome(status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "failed"
    return "refused" if status >= HTTPStatus.BAD_REQUEST else "ok"


class _Streamed:
    """A streamed answer, which is logged after its last byte, or when it was cut off.

    A view marks its answer as streamed by setting `sent` of the record to 0.
    """

    def __init__(
        self, answer: Iterable[bytes], record: RequestRecord, finish: Callable[[], None]
    ) -> None:
        self._answer = answer
        self._parts = iter(answer)
        self._record = record
        self._finish = finish
        self._whole = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            part = next(self._parts)
        except StopIteration:
            self._whole = True
            raise
        self._record.sent = (self._record.sent or 0) + len(part)
        return part

    def close(self) -> None:
        """Release the answer's resources; the server calls this in any case."""
        try:
            if isinstance(self._answer, _Closable):
                self._answer.close()
        finally:
            if not self._whole:
                self._record.outcome = "cut"
            self._finish()
