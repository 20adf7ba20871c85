"""Flask's error handlers, which answer with problems."""

from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from service.api.problems import http_errors
from service.api.problems.writer import ProblemWriter
from service.api.reply import encoded_path
from service.api.routes import response_of
from service.domain import errors
from service.domain.errors import ServiceError

_BY_STATUS: dict[int, type[ServiceError]] = {
    HTTPStatus.NOT_FOUND: http_errors.NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: http_errors.MethodNotAllowed,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.TooLarge,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: http_errors.UnsupportedMediaType,
}
"""Errors by the status of Flask's own; any other 4xx is an invalid request."""


def handle_errors(app: Flask, problems: ProblemWriter) -> None:
    """Answer every exception in `app` with a problem."""

    @app.errorhandler(Exception)
    def answer(error: Exception) -> Response:
        return response_of(problems.write(error, encoded_path(request.path)))

    @app.errorhandler(HTTPException)
    def answer_framework(error: HTTPException) -> Response:
        status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
        ours_or_theirs = (
            errors.InternalError
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR
            else errors.InvalidRequest
        )
        response = answer(_BY_STATUS.get(status, ours_or_theirs)())
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response
