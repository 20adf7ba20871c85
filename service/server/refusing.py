"""Problems of requests that the application never sees."""

from typing import TYPE_CHECKING

from service.api.problems.writer import problem
from service.api.reply import Reply
from service.domain.errors import ServiceError
from service.observability.exchange import EXCHANGE, Exchange
from service.observability.request_log import RequestLog
from service.server.answering_in_loop import response_head, status_line
from service.server.http.receiving import BufferedRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_FORWARDED = {"X-REQUEST-ID": "HTTP_X_REQUEST_ID", "TRACEPARENT": "HTTP_TRACEPARENT"}


def refusal(error: ServiceError, requests: RequestLog, environ: "WSGIEnvironment") -> bytes:
    """Count and log a refusal, and return the answer, after which the connection ends.

    Args:
        error: The error.
        requests: The request log.
        environ: The known part of the request's environment.
    """
    exchange = environ.get(EXCHANGE) or requests.begin(environ)
    reply = problem(error, "/", exchange.record)
    requests.finish(environ, reply.status, 0.0, exchange)
    return encoded(reply, exchange, with_body=environ.get("REQUEST_METHOD") != "HEAD")


def known_environ(incoming: BufferedRequest | None) -> "WSGIEnvironment":
    """Return the WSGI environment of a request that may be incomplete, as far as it is known."""
    if incoming is None or incoming.request is None:
        return {"REQUEST_METHOD": "HEAD"} if incoming and incoming.is_head else {}
    fields = {
        _FORWARDED[name]: value for name, value in incoming.request.headers if name in _FORWARDED
    }
    return {**incoming.kept, **fields, "REQUEST_METHOD": incoming.request.method}


def encoded(reply: Reply, exchange: Exchange, *, with_body: bool) -> bytes:
    """Return the bytes of a reply that ends its connection."""
    body, fields = reply.encoded()
    fields += exchange.header_fields()
    head = response_head(status_line(reply.status), fields, keep=False)
    return head + body if with_body else head
