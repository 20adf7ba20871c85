"""Flask routes of operations, whose schemas parse the requests."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from flask import Flask, Response, request
from marshmallow import Schema
from werkzeug.routing import Rule

from service.api.operation import Operation
from service.api.parsing import StrictParser
from service.api.pipeline import Pipeline, begin, refuse_odd_slashes
from service.api.reply import Reply
from service.auth.authentication import is_open
from service.domain.errors import InternalError
from service.observability.exchange import current_record

_OPERATIONS = "discount-operations"
_PARSER = StrictParser()


class OperationRule(Rule):
    """A route with an optional HEAD, which a GET that changes state must not have."""

    def __init__(self, *args: Any, head: bool = True, **options: Any) -> None:
        super().__init__(*args, **options)
        if not head and self.methods:
            self.methods.discard("HEAD")


def serve_operations(app: Flask, operations: Iterable[Operation], pipeline: Pipeline) -> None:
    """Serve operations, and require a token for all other paths that are not open.

    Default deny: even an unknown path requires a token, and a view that is neither an operation nor
    open admits nobody.
    """
    views = {}
    app.url_rule_class = OperationRule
    app.extensions[_OPERATIONS] = operations = tuple(operations)
    for each in operations:
        endpoint = f"{each.tag}.{each.id}"
        views[endpoint] = view = _view(each, pipeline)
        rule = re.sub(r"\{(\w+)\}", r"<\1>", each.path)
        app.add_url_rule(rule, endpoint, view, methods=[each.method], head=each.head)

    @app.before_request
    def guard() -> None:
        if request.endpoint in views:
            return  # the pipeline does all of this
        rule, record = request.url_rule, current_record()
        begin(record, template(rule.rule) if rule else None, request.environ)
        if not is_open(request.path):
            pipeline.identify(record, request.environ)
            if request.endpoint is not None:
                raise InternalError
        refuse_odd_slashes(request.environ)


def served_operations(app: Flask) -> Iterable[Operation]:
    """Return the operations that an application serves."""
    operations: Iterable[Operation] = app.extensions[_OPERATIONS]
    return operations


def response_of(reply: Reply) -> Response:
    """Return a reply as a Flask response."""
    body, fields = reply.encoded()
    response = Response(body, reply.status)
    response.headers.clear()  # Flask's default of a media type, which an answer may not have
    response.headers.extend(fields)
    return response


def _view(operation: Operation, pipeline: Pipeline) -> Callable[..., Response]:
    """Return the Flask view of an operation."""
    sources = tuple(_sources(operation))

    def read() -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for location, schema in sources:
            arguments |= _PARSER.parse(schema, request, location=location)
        return arguments

    def view(**path: str) -> Response:
        result = pipeline.perform(operation, request.environ, path.get("brand"), read)
        return response_of(result) if isinstance(result, Reply) else result

    return view


def _sources(operation: Operation) -> Iterator[tuple[str, Schema]]:
    """Yield the locations of an operation's arguments in a request, with their schemas."""
    for location, schema in (
        ("path", operation.parameters),
        ("query", operation.query),
        ("headers", operation.header),
        ("json", operation.body),
    ):
        if schema:
            yield location, schema()


@cache
def template(rule: str) -> str:
    """Return a Flask rule in OpenAPI's form, with parameters in braces."""
    return re.sub(r"<(?:[^:>]*:)?(\w+)>", r"{\1}", rule)
