"""Operations: a view together with all that is said about it, in one place.

What `operation` is told decides how requests are taken apart, which scope the guard asks
for, and what the OpenAPI document says; so the three cannot differ.
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import Schema
from werkzeug.routing import Rule

from service.api.answers import answer
from service.api.http_errors import UnsupportedMediaType
from service.api.pagination import page_slot
from service.api.parsing import StrictParser
from service.api.schemas.requests import Input, PageQuery
from service.auth.caller import Scope
from service.domain.errors import (
    Forbidden,
    InternalError,
    InvalidRequest,
    RateLimited,
    ServiceError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from service.observability.request_log import current_record

Refusals = tuple[type[ServiceError], ...]

ALWAYS: Refusals = (
    InvalidRequest,
    Unauthenticated,
    Forbidden,
    RateLimited,
    InternalError,
    Unavailable,
)
"""Problems that every operation may answer with."""
_OF_BODIES: Refusals = (UnsupportedMediaType, TooLarge)


Said = tuple[Any, int]
"""What a plain view returns: the content of its JSON answer, and the status."""
View = Callable[..., Response | Said]


@dataclass(frozen=True, slots=True)
class Answer:
    """One of an operation's good answers, for the document."""

    description: str
    schema: type[Schema] | Mapping[str, Any]
    example: Any = None
    headers: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    """Media types, where the answer is no JSON but a list of what `schema` describes."""
    columns: tuple[str, ...] = ()
    """Those of such a list as CSV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What is said about a view."""

    method: str
    path: str
    """With parameters in braces, as OpenAPI has them."""
    tag: str
    id: str
    summary: str
    description: str
    scope: Scope
    parameters: type[Input] | None
    query: type[Input]
    header: type[Input] | None
    body: type[Input] | None
    upload: tuple[str, ...]
    """Media types of a body that the view reads itself, as it comes."""
    answers: Mapping[int, Answer]
    refusals: Refusals
    view: View
    plain: bool
    """Whether the view can do without Flask: see `service.api.express`."""


class PlainRule(Rule):
    """A route without extras: no HEAD beside a GET that changes state."""

    def __init__(self, *args: Any, head: bool = True, **options: Any) -> None:
        super().__init__(*args, **options)
        if not head and self.methods:
            self.methods.discard("HEAD")


def operation(
    blueprint: Blueprint,
    method: str,
    path: str,
    *,
    summary: str,
    scope: Scope,
    answers: Mapping[int, Answer],
    refusals: Refusals = (),
    parameters: type[Input] | None = None,
    query: type[Input] = Input,
    header: type[Input] | None = None,
    body: type[Input] | None = None,
    upload: tuple[str, ...] = (),
    head: bool = True,
    plain: bool = False,
) -> Callable[[View], View]:
    """Make a function the view of `method` and `path`.

    The function gets the parsed members of path, query and body as keyword arguments. The
    tag is the blueprint's name, the operation's id the function's.

    Args:
        blueprint: Where the view is registered.
        method: An HTTP method.
        path: With parameters in braces.
        summary: A line for the document; the function's docstring says the rest.
        scope: What the caller's token must allow.
        answers: The good answers by status.
        refusals: Problems beside those in `ALWAYS`.
        parameters: Schema of the path's parameters, if it has any.
        query: Schema of the query; by default it must be empty.
        header: Schema of header fields that are read, if there are any.
        body: Schema of the JSON body, if the call takes one.
        upload: Media types of a body that the view reads itself, as it comes.
        head: Whether a GET answers HEAD too; one that changes state must not.
        plain: Whether the function takes names alone, returns what it says and a status, and
            asks nothing of Flask.
    """

    def register(view: View) -> View:
        described = Operation(
            method=method,
            path=path,
            tag=blueprint.name,
            id=view.__name__,
            summary=summary,
            description=inspect.getdoc(view) or "",
            scope=scope,
            parameters=parameters,
            query=query,
            header=header,
            body=body,
            upload=upload,
            answers=answers,
            refusals=(*ALWAYS, *(_OF_BODIES if body or upload else ()), *refusals),
            view=view,
            plain=plain,
        )
        take_apart = _taking_apart(view, described)
        take_apart.operation = described  # type: ignore[attr-defined]
        take_apart.scope = scope  # type: ignore[attr-defined]
        rule = re.sub(r"\{(\w+)\}", r"<\1>", path)
        blueprint.add_url_rule(rule, view.__name__, take_apart, methods=[method], head=head)
        return view

    return register


def _taking_apart(view: View, described: Operation) -> View:
    """Wrap a view so that it is called with what its schemas found in the request."""
    sources = [
        (location, schema())
        for location, schema in (
            ("path", described.parameters),
            ("query", described.query),
            ("headers", described.header),
            ("json", described.body),
        )
        if schema
    ]

    slot: Callable[[], AbstractContextManager[None]] = nullcontext
    if issubclass(described.query, PageQuery):
        slot = page_slot

    @functools.wraps(view)
    def take_apart(**_: str) -> Response:
        arguments: dict[str, Any] = {}
        for location, schema in sources:
            arguments |= _PARSER.parse(schema, request, location=location)
        current_record().note_subject(arguments)
        with slot():
            said = view(**arguments)
        return said if isinstance(said, Response) else answer(*said)

    return take_apart


_PARSER = StrictParser()
