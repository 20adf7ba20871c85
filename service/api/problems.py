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

from service.api.answers import answer, request_path
from service.domain import errors
from service.domain.errors import Problem
from service.observability.logging import database_error
from service.observability.metrics.instruments import Metrics
from service.observability.request_log import current_record

PROBLEM_JSON = "application/problem+json"
_BY_STATUS: dict[int, type[Problem]] = {
    HTTPStatus.NOT_FOUND: errors.NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: errors.MethodNotAllowed,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.TooLarge,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: errors.UnsupportedMediaType,
}
"""What the framework's own refusals become; any other of its 4xx is an invalid request."""


def write_problems(app: Flask, log: FilteringBoundLogger, metrics: Metrics) -> None:
    """Turn everything that is raised in `app` into a problem.

    Args:
        app: The application.
        log: Hears of what nobody foresaw.
        metrics: Counts why the guard refused a call, and what the database could not do.
    """

    @app.errorhandler(Problem)
    def ours(problem: Problem) -> Response:
        if (
            isinstance(problem, errors.InternalError | errors.Unavailable)
            or problem.storage is errors.StorageRefusal.DISK_FULL
        ):
            tell(problem)
        if problem.refusal:
            metrics.auth_refusal(problem.refusal)
        if problem.storage:
            metrics.storage_refusal(problem.storage)
        return problem_answer(problem)

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


def problem_answer(problem: Problem) -> Response:
    """Write a problem."""
    record = current_record()
    record.problem = problem.slug
    record.refusal = problem.refusal
    content = problem_object(problem, request_path(), record.request_id)
    response = answer(content, problem.status, problem_headers(problem))
    response.mimetype = PROBLEM_JSON
    return response


def problem_object(problem: Problem, instance: str, request_id: str) -> dict[str, Any]:
    """Show a problem as RFC 9457, section 3 has it."""
    content: dict[str, Any] = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
        "request_id": request_id,
    }
    if isinstance(problem, errors.InvalidRequest) and problem.errors:
        content["errors"] = [
            {"pointer": error.pointer, "detail": error.detail} for error in problem.errors
        ]
    return content


def problem_headers(problem: Problem) -> dict[str, str]:
    """Return the header fields that belong to a problem."""
    headers: dict[str, str] = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if isinstance(problem, errors.Unauthenticated):
        headers["WWW-Authenticate"] = (
            'Bearer error="invalid_token"' if problem.token_given else "Bearer"
        )
    if isinstance(problem, errors.Forbidden):
        headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{problem.scope}"'
    return headers
