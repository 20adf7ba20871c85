"""Operations: views with their complete descriptions.

The description decides how requests are parsed, which scope the caller's token needs, and what the
OpenAPI document says; so the three cannot differ.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, Protocol, TypeVar

from flask import Response
from marshmallow import Schema

from service.api.problems.http_errors import UnsupportedMediaType
from service.api.reply import Reply
from service.api.schemas.requests import Input
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

Refusals = tuple[type[ServiceError], ...]

ALWAYS: Refusals = (
    InvalidRequest,
    Unauthenticated,
    Forbidden,
    RateLimited,
    InternalError,
    Unavailable,
)
"""Problems of every operation."""
_OF_BODIES: Refusals = (UnsupportedMediaType, TooLarge)

Result = Reply | Response
"""The result of a view: a Flask response if the answer is streamed."""
View = Callable[..., Result]
ViewT = TypeVar("ViewT", bound=View)


class Views(Protocol):
    """Views of one kind of resource: methods that are decorated with `operation`."""

    @property
    def tag(self) -> str:
        """The tag of the views in the document."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer of an operation, for the document."""

    description: str
    schema: type[Schema] | Mapping[str, Any] | None
    """`None` if there is no content."""
    example: Any = None
    headers: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    """Media types, if the answer is a list of what `schema` describes, instead of JSON."""
    columns: tuple[str, ...] = ()
    """The columns of such a list in CSV."""


@dataclass(frozen=True, slots=True)
class Description:
    """A decorator for a method of a class, which becomes the view of `method` and `path`.

    The view gets the parsed members of path, query and body as keyword arguments. The operation's
    id is the view's name, and its description is the view's docstring.
    """

    method: str
    path: str
    """With parameters in braces, as OpenAPI has them."""
    _: KW_ONLY
    summary: str
    scope: Scope
    """The scope that the caller's token needs."""
    or_scope: Scope | None = None
    """Another scope that is as good; the view requires the right one, if it depends on the call."""
    answers: Mapping[int, Answer]
    """The successful answers by status."""
    refusals: Refusals = ()
    """Problems in addition to `ALWAYS`."""
    parameters: type[Input] | None = None
    """The schema of the path's parameters, if there are any."""
    query: type[Input] = Input
    """The schema of the query, which must be empty by default."""
    header: type[Input] | None = None
    """The schema of header fields, if there are any."""
    body: type[Input] | None = None
    """The schema of the JSON body, if there is one."""
    upload: tuple[str, ...] = ()
    """Media types of a body that the view reads as a stream."""
    head: bool = True
    """Whether a GET also answers HEAD; one that changes state must not."""
    fast_path: bool = False
    """Whether the view only takes names and does not need Flask, so that the fast path can
    answer it (`service.server.fast_path`)."""

    def __call__(self, view: ViewT) -> ViewT:
        """Attach the description to a view."""
        view.description = self  # type: ignore[attr-defined]
        return view


operation = Description


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Description):
    """A view with its description."""

    tag: str
    id: str
    description: str
    view: View

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes of which the caller's token needs one."""
        return (self.scope, self.or_scope) if self.or_scope else (self.scope,)

    @property
    def transfers(self) -> bool:
        """Whether the duration depends on the length of the caller's list."""
        return bool(self.upload) or any(answer.lists for answer in self.answers.values())


def operations_of(views: Views) -> Iterator[Operation]:
    """Yield the operations of views, in the order of their definition."""
    for name, function in vars(type(views)).items():
        described = getattr(function, "description", None)
        if isinstance(described, Description):
            view: View = getattr(views, name)
            attributes = {each.name: getattr(described, each.name) for each in fields(described)}
            of_body = _OF_BODIES if described.body or described.upload else ()
            attributes["refusals"] = (*ALWAYS, *of_body, *described.refusals)
            yield Operation(
                **attributes,
                tag=views.tag,
                id=name,
                description=inspect.getdoc(view) or "",
                view=view,
            )
