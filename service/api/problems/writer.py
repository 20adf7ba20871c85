"""The only writer of errors: every failure leaves as an RFC 9457 problem, and nothing else does.

No text of a library, a driver or an interpreter gets out: a problem says what its class and
whoever raised it wrote for the caller.
"""

from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from structlog.typing import FilteringBoundLogger
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed

from service.api import http_errors
from service.api.answers import answer, request_path
from service.api.problems.catalogue import detail_of, problem_type
from service.domain import errors
from service.domain.errors import ServiceError
from service.observability.logging import database_error
from service.observability.metrics.instruments import Metrics
from service.observability.request_log import current_record

PROBLEM_JSON = "application/problem+json"
_BY_STATUS: dict[int, type[ServiceError]] = {
    HTTPStatus.NOT_FOUND: http_errors.NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: http_errors.MethodNotAllowed,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.TooLarge,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: http_errors.UnsupportedMediaType,
}
"""What the framework's own refusals become; any other of its 4xx is an invalid request."""


def write_problems(app: Flask, log: FilteringBoundLogger, metrics: Metrics) -> None:
    """Turn everything that is raised in `app` into a problem.

    Args:
        app: The application.
        log: Hears of what nobody foresaw.
        metrics: Counts why the guard refused a call, and what the database could not do.
    """

    @app.errorhandler(ServiceError)
    def ours(error: ServiceError) -> Response:
        if (
            isinstance(error, errors.InternalError | errors.Unavailable)
            or error.storage is errors.StorageRefusal.DISK_FULL
        ):
            tell(error)
        if error.refusal:
            metrics.auth_refusal(error.refusal)
        if error.storage:
            metrics.storage_refusal(error.storage)
        return problem_answer(error)

    @app.errorhandler(HTTPException)
    def frameworks(error: HTTPException) -> Response:
        status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
        ours_or_theirs = (
            errors.InternalError
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR
            else errors.InvalidRequest
        )
        kind = _BY_STATUS.get(status, ours_or_theirs)
        response = problem_answer(kind())
        if isinstance(error, WerkzeugMethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    @app.errorhandler(Exception)
    def anything(error: Exception) -> Response:
        tell(error)
        return problem_answer(errors.InternalError())

    def tell(error: Exception) -> None:
        record = current_record()
        if name := database_error(error):
            metrics.database_error(name)
        log.error(
            "request_failed", request_id=record.request_id, route=record.route, exc_info=error
        )


def problem_answer(error: ServiceError) -> Response:
    """Answer with the problem that an error is."""
    record = current_record()
    problem = problem_type(error)
    record.problem = problem.slug
    record.refusal = error.refusal
    content = problem_object(error, request_path(), record.request_id)
    response = answer(content, problem.status, problem_headers(error))
    response.mimetype = PROBLEM_JSON
    return response


def problem_object(error: ServiceError, instance: str, request_id: str) -> dict[str, Any]:
    """Show an error as RFC 9457, section 3 has it."""
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
    """Return the header fields that belong to the problem that an error is."""
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
