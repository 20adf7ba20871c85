"""Errors of calls that only HTTP has (RFC 9110)."""

from service.domain.errors import ServiceError


class NotFound(ServiceError):
    """The path does not exist."""


class MethodNotAllowed(ServiceError):
    """The path does not have this method."""


class NotAcceptable(ServiceError):
    """The service has no representation that the caller accepts."""


class RequestTimeout(ServiceError):
    """The request did not arrive in time."""


class UriTooLong(ServiceError):
    """The request target is too long."""


class HeadersTooLarge(ServiceError):
    """The head of the request is too large."""


class ExpectationFailed(ServiceError):
    """The request has an expectation that the service does not meet."""


class UnsupportedMediaType(ServiceError):
    """The call does not accept the media type of the body."""
