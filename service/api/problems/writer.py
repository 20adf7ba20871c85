"""The only writer of problems: all failures of calls become one (RFC 9457).

No text of a library, a driver or the interpreter is ever sent: a problem has the texts of its type,
and those written for the caller.
"""

from http import HTTPStatus
from typing import Any

from structlog.typing import FilteringBoundLogger

from service.api.problems.catalogue import PROBLEM_TYPES, detail_of, problem_type
from service.api.reply import PROBLEM_JSON, Reply
from service.domain import errors
from service.domain.errors import ServiceError
from service.observability.exchange import RequestRecord, current_record
from service.observability.logging import database_error
from service.observability.metrics.instruments import Metrics


class ProblemWriter:
    """A writer of problems, which also logs and counts failures.

    Args:
        log: Logs unexpected errors.
        metrics: Counts refused callers and database errors.
    """

    def __init__(self, log: FilteringBoundLogger, metrics: Metrics) -> None:
        self._log, self._metrics = log, metrics
        metrics.expect_rate_limits(
            each.slug for each in PROBLEM_TYPES if each.status == HTTPStatus.TOO_MANY_REQUESTS
        )

    def write(self, error: Exception, path: str) -> Reply:
        """Return the problem of any exception.

        Args:
            error: The exception.
            path: The path of the call, percent-encoded.
        """
        if not isinstance(error, ServiceError):
            self.report(error, current_record())
            return problem(errors.InternalError(), path, current_record())
        if (
            isinstance(error, errors.InternalError | errors.Unavailable)
            or error.storage is errors.StorageRefusal.DISK_FULL
        ):
            self.report(error, current_record())
        if error.refusal:
            self._metrics.auth_refusal(error.refusal)
        if error.storage:
            self._metrics.storage_refusal(error.storage)
        reply = problem(error, path, current_record())
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._metrics.rate_limited(problem_type(error).slug)
        return reply

    def report(self, error: Exception, record: RequestRecord) -> None:
        """Log and count the failure of a call."""
        record.reported = True
        if name := database_error(error):
            self._metrics.database_error(name)
        self._log.error(
            "request_failed", request_id=record.request_id, route=record.route, exc_info=error
        )


def problem(error: ServiceError, path: str, record: RequestRecord) -> Reply:
    """Return the problem of an error, and record it."""
    kind = problem_type(error)
    record.problem, record.refusal = kind.slug, error.refusal
    content = problem_object(error, path, record.request_id)
    return Reply(content, kind.status, tuple(problem_headers(error).items()), PROBLEM_JSON)


def problem_object(error: ServiceError, instance: str, request_id: str) -> dict[str, Any]:
    """Return the object of a problem (RFC 9457, section 3)."""
    problem = problem_type(error)
    content: dict[str, Any] = {
        "type": problem.uri,
        "title": problem.title,
        "status": problem.status,
        "detail": detail_of(error),
        "instance": instance,
        "request_id": request_id,
    }
    if isinstance(error, errors.InvalidRequest) and error.errors:
        content["errors"] = [
            {"pointer": each.pointer, "detail": each.detail} for each in error.errors
        ]
    return content


def problem_headers(error: ServiceError) -> dict[str, str]:
    """Return the header fields of an error's problem."""
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = (
            'Bearer error="invalid_token"' if error.token_given else "Bearer"
        )
    if isinstance(error, errors.Forbidden):
        headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{error.scope}"'
    return headers
