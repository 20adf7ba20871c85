"""Operations: a view together with all that is said about it, in one place.

What a view's description says decides how requests are parsed, which scope the caller's token must
have, and what the OpenAPI document says; so the three cannot differ.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, Protocol, TypeVar

from flask import Response
from marshmallow import Schema

from service.api.pagination import page_slot
from service.api.problems.http_errors import UnsupportedMediaType
from service.api.reply import Reply
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

Result = Reply | Response
"""What a view returns: a response of Flask's where the answer is streamed."""
View = Callable[..., Result]
ViewT = TypeVar("ViewT", bound=View)


class Views(Protocol):
    """Views of one kind of resource: methods that are described by `operation`."""

    @property
    def tag(self) -> str:
        """Under what the document lists them."""


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


@dataclass(frozen=True, slots=True)
class Description:
    """Decorates a method of a class: it is the view of `method` and `path`.

    The view gets the parsed members of path, query and body as keyword arguments. The operation's
    id is the view's name, its description the view's docstring.
    """

    method: str
    path: str
    """With parameters in braces, as OpenAPI has them."""
    _: KW_ONLY
    summary: str
    scope: Scope
    """What the caller's token must allow."""
    answers: Mapping[int, Answer]
    """The good answers by status."""
    refusals: Refusals = ()
    """Problems beside those in `ALWAYS`."""
    parameters: type[Input] | None = None
    """Schema of the path's parameters, if it has any."""
    query: type[Input] = Input
    """By default it must be empty."""
    header: type[Input] | None = None
    """Schema of header fields that are read, if there are any."""
    body: type[Input] | None = None
    """Schema of the JSON body, if the call takes one."""
    upload: tuple[str, ...] = ()
    """Media types of a body that the view reads itself, as it comes."""
    head: bool = True
    """Whether a GET answers HEAD too; one that changes state must not."""
    fast_path: bool = False
    """Whether the view takes names alone and asks nothing of Flask, so that the fast path can
    answer it (`service.server.fast_path`)."""

    def __call__(self, view: ViewT) -> ViewT:
        """Describe a view."""
        view.description = self  # type: ignore[attr-defined]
        return view


operation = Description


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Description):
    """A view, and what is said about it."""

    tag: str
    id: str
    description: str
    view: View


def operations_of(views: Views) -> Iterator[Operation]:
    """Return the operations of some views, in the order in which they stand in their class."""
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
                view=page_slot()(view) if issubclass(described.query, PageQuery) else view,
            )
