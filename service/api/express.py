"""A shorter way to the views of plain calls, which need nothing of a framework.

Nearly every call reserves a code: a method, names in a path, a token. This middleware finds the
view, authenticates the caller and writes the answer with the parts that Flask's way has, in its
order, but without Flask. What is not plain (a query, a name that is no name or beyond ASCII) goes
to Flask, untouched; so does whatever is raised, as problems are written there.
`docs/adr/0009-plain-calls.md` says what it saves.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from service.api.answers import JSON, NOT_CACHED, as_json
from service.api.arrival import RAISED, has_encoded_slash
from service.api.operation import Operation, Said
from service.api.schemas.fields import Name
from service.auth.bearer import Authenticate
from service.auth.caller import Scope
from service.call import deadlines
from service.domain.names import is_name
from service.observability.request_log import current_record

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """The paths of an operation, and what they lead to."""

    path: str
    pattern: re.Pattern[str]
    longest: Mapping[str, int]
    """Most characters of each name."""
    defaults: Mapping[str, str]
    """What the view gets where there is no query."""
    scope: Scope
    view: Callable[..., Said]

    def arguments(self, path: str) -> dict[str, str] | None:
        """Return what the view is called with, if the path is one of these."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        names = found.groupdict()
        if all(is_name(text, self.longest[name]) for name, text in names.items()):
            return {**self.defaults, **names}
        return None


class Express:
    """Answers plain calls; hands all else on.

    Args:
        app: Answers all else.
        operations: All that there are; those that are plain get a shorter way.
        authenticate: Tells who calls.
    """

    def __init__(
        self, app: "WSGIApplication", operations: Iterable[Operation], authenticate: Authenticate
    ) -> None:
        self.app = app
        self._authenticate = authenticate
        self._routes: dict[str, list[Route]] = {}
        for each in operations:
            if each.plain:
                self._routes.setdefault(each.method, []).append(_route(each))
        lines = [
            f"{method} {re.sub(_PARAMETER, '[^/ ?]+', route.path)} HTTP/1\\.1\r\n"
            for method, routes in self._routes.items()
            for route in routes
        ]
        self._lines = re.compile("|".join(lines).encode())

    def looks_plain(self, head: bytes) -> bool:
        """Say from its first line whether a request may be one of the plain ones."""
        return self._lines.match(head) is not None

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        path = environ["PATH_INFO"]
        if (
            path.isascii()
            and not environ.get("QUERY_STRING")
            and not has_encoded_slash(environ)
            and not deadlines.is_over()
        ):
            for route in self._routes.get(environ["REQUEST_METHOD"], ()):
                arguments = route.arguments(path)
                if arguments is not None:
                    return self._answer(route, arguments, environ, start_response)
        return self.app(environ, start_response)

    def _answer(
        self,
        route: Route,
        arguments: Mapping[str, str],
        environ: "WSGIEnvironment",
        start_response: "StartResponse",
    ) -> Iterable[bytes]:
        """Do what `arrive`, the guard and `operation` do."""
        record = current_record()
        record.route = route.path
        try:
            caller = self._authenticate(environ.get("HTTP_AUTHORIZATION", ""))
            caller.authorize(route.scope, arguments["brand"])
            record.note_subject(arguments)
            content, status = route.view(**arguments)
            body = as_json(content)
        except Exception as error:  # noqa: BLE001 - it is raised again where problems are written
            environ[RAISED] = error
            return self.app(environ, start_response)
        fields = [("Content-Type", JSON), ("Content-Length", str(len(body))), NOT_CACHED]
        start_response(_line(status), fields)
        return (body,)


def _route(operation: Operation) -> Route:
    """Read from an operation what its plain calls look like."""
    names: dict[str, Any] = operation.parameters().fields if operation.parameters else {}
    return Route(
        path=operation.path,
        pattern=re.compile(re.sub(_PARAMETER, r"(?P<\1>[^/]+)", operation.path)),
        longest={name: field.longest for name, field in names.items() if isinstance(field, Name)},
        defaults=operation.query().load({}),
        scope=operation.scope,
        view=cast("Callable[..., Said]", operation.view),
    )


@cache
def _line(status: int) -> str:
    """Write a status as Flask does."""
    return f"{status} {HTTPStatus(status).phrase.upper()}"
