"""What can be wrong with a call only because it comes over HTTP (RFC 9110)."""

from service.domain.errors import ServiceError


class NotFound(ServiceError):
    """No such path."""


class MethodNotAllowed(ServiceError):
    """The path exists, the verb does not."""


class NotAcceptable(ServiceError):
    """No such answer as the caller wants."""


class RequestTimeout(ServiceError):
    """The request did not arrive in time."""


class UriTooLong(ServiceError):
    """The request target is too long."""


class HeadersTooLarge(ServiceError):
    """The head of the request is too large."""


class ExpectationFailed(ServiceError):
    """The request expects what the service does not do."""


class UnsupportedMediaType(ServiceError):
    """The body is of a kind that the call does not take."""
