"""Dispatch before Flask, for calls that need no framework.

Nearly every call reserves a code: a method, names in a path, a token. This middleware finds the
operation and performs it without Flask, through the same pipeline (`service.api.pipeline`). All
other calls (with a query, or with names that are invalid or not ASCII) go to Flask unchanged.
`docs/adr/0009-fast-path-before-flask.md` has the gain.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from service.api.operation import Operation
from service.api.pipeline import Pipeline
from service.api.reply import Reply, encoded_path
from service.api.schemas.fields import Name
from service.container.services import Services
from service.domain.names import is_name
from service.observability.request_log import RequestLogging
from service.server.answering_in_loop import status_line

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


_CALL = "discount.fast_path_call"
"""The key of the matched call in a WSGI environment."""
_PARAMETER = re.compile(r"\{(\w+)\}")


FastPathCall = tuple[Operation, Mapping[str, str]]
"""An operation, and the arguments of its view: a plain tuple, as one is made for each call."""


class Route(NamedTuple):
    """The paths of an operation."""

    operation: Operation
    pattern: re.Pattern[str]
    longest: Mapping[str, int]
    """Most characters of each name."""
    defaults: Mapping[str, str]
    """The view's arguments that a query would override."""

    def match(self, path: str) -> FastPathCall | None:
        """Return the call, or `None` if the path does not match."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        names = found.groupdict()
        if all(is_name(text, self.longest[name]) for name, text in names.items()):
            return self.operation, {**self.defaults, **names}
        return None


class FastPath:
    """A WSGI middleware that answers fast-path calls and passes the others on.

    Args:
        app: Answers the other calls.
        operations: All operations; some of them have the fast path.
        services: The services of the application.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        operations: Iterable[Operation],
        services: Services,
    ) -> None:
        self.app = app
        self._perform = Pipeline(services.authenticate, services.limits).perform
        self._problems = services.problems
        self._logged = RequestLogging(self._answer, services.requests)
        self._routes: dict[str, list[Route]] = {}
        for each in operations:
            if each.fast_path:
                self._routes.setdefault(each.method, []).append(_route(each))
        lines = [
            f"{method} {re.sub(_PARAMETER, '[^/ ?]+', route.operation.path)} HTTP/1\\.1\r\n"
            for method, routes in self._routes.items()
            for route in routes
        ]
        self._lines = re.compile("|".join(lines).encode())

    def may_match(self, head: bytes) -> bool:
        """Return whether the first line of a request may be that of a fast-path call."""
        return self._lines.match(head) is not None

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        call = self._match(environ)
        if call is None:
            return self.app(environ, start_response)
        environ[_CALL] = call
        return self._logged(environ, start_response)

    def _match(self, environ: "WSGIEnvironment") -> FastPathCall | None:
        path: str = environ["PATH_INFO"]
        if path.isascii() and not environ.get("QUERY_STRING"):
            for route in self._routes.get(environ["REQUEST_METHOD"], ()):
                call = route.match(path)
                if call is not None:
                    return call
        return None

    def _answer(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        operation, arguments = environ[_CALL]
        try:
            # No view of a fast-path call streams.
            reply: Reply = self._perform(  # type: ignore[assignment]
                operation, environ, arguments["brand"], lambda: arguments
            )
            body, fields = reply.encoded()
        except Exception as error:  # noqa: BLE001 - any error becomes a problem
            reply = self._problems.write(error, encoded_path(environ["PATH_INFO"]))
            body, fields = reply.encoded()
        start_response(status_line(reply.status), fields)
        return (body,)


def _route(operation: Operation) -> Route:
    """Return the route of an operation's fast-path calls."""
    names: dict[str, Any] = operation.parameters().fields if operation.parameters else {}
    return Route(
        operation=operation,
        pattern=re.compile(re.sub(_PARAMETER, r"(?P<\1>[^/]+)", operation.path)),
        longest={name: field.longest for name, field in names.items() if isinstance(field, Name)},
        defaults=operation.query().load({}),
    )
