"""The OpenAPI document, generated from the operations."""

from collections.abc import Mapping, Sequence
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema, fields

from service import __version__
from service.api.openapi.components import reference, share_parameters
from service.api.openapi.probes import PROBES
from service.api.openapi.texts import DESCRIPTION, HEADERS, REQUEST_ID, TAGS
from service.api.operation import Answer, Operation
from service.api.problems.catalogue import PROBLEM_TYPES, problem_type
from service.api.problems.problem_type import ProblemType
from service.api.problems.writer import problem_headers, problem_object
from service.api.reply import PROBLEM_JSON
from service.api.routes import served_operations
from service.api.schemas.requests import Input
from service.api.schemas.responses import ProblemObject
from service.auth.caller import Scope
from service.domain import moves
from service.domain.errors import (
    Forbidden,
    InputError,
    InvalidRequest,
    ServiceError,
    Unauthenticated,
)
from service.formats.columns import CODE
from service.formats.list_form import ListType
from service.formats.tables import written

OPENAPI_VERSION = "3.1.0"
SECURITY_SCHEME = "bearerAuth"
NO_NUL = r"^[^\x00]+$"
_UPLOADS = {
    each.value: b"".join(written([CODE], [[["QMYFRFPA99E7"], ["7KJSE5AG3CVE"]]], each)).decode()
    for each in ListType
}
_LIMIT = ("RateLimit", "RateLimit-Policy")


def build_document(app: Flask) -> dict[str, Any]:
    """Return the document of `app`."""
    spec = APISpec(
        title="Discount Service",
        version=__version__,
        openapi_version=OPENAPI_VERSION,
        plugins=[MarshmallowPlugin()],
        info={
            "description": DESCRIPTION + moves.table(),
            "license": {"name": "MIT", "url": "https://opensource.org/license/mit"},
            "contact": {"name": "The team that runs this service"},
        },
        servers=[{"url": "/", "x-internal": True}],
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )
    spec.components.security_scheme(
        SECURITY_SCHEME,
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A JWT, validated as RFC8725 recommends.",
        },
    )
    for name, (text, example) in HEADERS.items():
        schema = {"type": "string", "example": example}
        spec.components.header(name, {"description": text, "schema": schema})
    operations = tuple(served_operations(app))
    responses = {_name(group): group for each in operations for group in _refusals(each).values()}
    for name, group in sorted(responses.items()):
        spec.components.response(name, _refusal(group))
    for problem in PROBLEM_TYPES:
        if any(problem.error in group for group in responses.values()):
            spec.components.example(problem.slug, _example_of_problem(problem))
    for operation in operations:
        spec.path(operation.path, operations={operation.method.lower(): _describe(operation)})
    for path, described in PROBES.items():
        spec.path(path, operations={"get": described})
    document: dict[str, Any] = spec.to_dict()
    share_parameters(document)
    return document


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description}\n\nScope: {_scopes(operation)}.",
        "security": [{SECURITY_SCHEME: [scope.value]} for scope in operation.scopes],
        "parameters": [
            {"in": location, "schema": schema}
            for location, schema in (
                ("path", operation.parameters),
                ("query", operation.query),
                ("header", operation.header),
            )
            if schema
        ],
        "responses": {
            **{str(status): _good(answer) for status, answer in operation.answers.items()},
            **{
                str(status): reference("responses", _name(group))
                for status, group in _refusals(operation).items()
            },
        },
    }
    if operation.body:
        described["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _documented(operation.body),
                    "example": _example_of_body(operation.body),
                }
            },
        }
    if operation.upload:
        described["requestBody"] = {
            "required": True,
            "content": {
                list_type: {
                    "schema": {"type": "string", "minLength": 1, "pattern": NO_NUL},
                    "example": _UPLOADS[list_type],
                }
                for list_type in operation.upload
            },
        }
    return described


def _good(answer: Answer) -> dict[str, Any]:
    described = {
        "description": answer.description,
        "headers": _headers("X-Request-ID", *_LIMIT, *answer.headers),
    }
    return described if answer.schema is None else described | {"content": _content(answer)}


def _content(answer: Answer) -> dict[str, Any]:
    schema = answer.schema
    example = answer.example
    if example is None and isinstance(schema, type):
        example = example_of(schema())
    if answer.lists:
        return _lists(answer, example)
    return {"application/json": {"schema": schema, "example": example}}


def _lists(answer: Answer, example: dict[str, Any]) -> dict[str, Any]:
    """Describe a list in each of its media types."""
    rows = [[example[column] for column in answer.columns]]
    return {
        list_type: {
            "schema": {"type": "string"},
            "example": b"".join(written(answer.columns, [rows], ListType(list_type))).decode(),
        }
        for list_type in answer.lists
    }


def _refusals(operation: Operation) -> dict[int, list[type[ServiceError]]]:
    """Return an operation's problems by status: several may share one."""
    by_status: dict[int, list[type[ServiceError]]] = {}
    for kind in operation.refusals:
        by_status.setdefault(problem_type(kind).status, []).append(kind)
    return dict(sorted(by_status.items()))


def _name(group: Sequence[type[ServiceError]]) -> str:
    """Return the name of the response with these problems."""
    return "Or".join(kind.__name__ for kind in group)


def _refusal(group: Sequence[type[ServiceError]]) -> dict[str, Any]:
    types = [problem_type(kind) for kind in group]
    limit = () if group[0] is Unauthenticated else _LIMIT
    return {
        "description": " Or: ".join(each.meaning for each in types),
        "headers": _headers(
            "X-Request-ID",
            *limit,
            *dict.fromkeys(name for kind in group for name in problem_headers(_instance_of(kind))),
        ),
        "content": {
            PROBLEM_JSON: {
                "schema": ProblemObject,
                "examples": {each.slug: reference("examples", each.slug) for each in types},
            }
        },
    }


def _example_of_problem(problem: ProblemType) -> dict[str, Any]:
    error = _instance_of(problem.error)
    return {
        "summary": problem.title,
        "value": problem_object(error, "/v1/brands/brand1", REQUEST_ID),
    }


def _instance_of(kind: type[ServiceError]) -> ServiceError:
    if issubclass(kind, Forbidden):
        return Forbidden(Scope.READ)
    if issubclass(kind, InvalidRequest):
        return InvalidRequest([InputError("/brand", "Not a valid value.")])
    if issubclass(kind, Unauthenticated):
        return Unauthenticated("The call carries no bearer token.")
    return kind()


def _scopes(operation: Operation) -> str:
    return " or ".join(f"`{scope}`" for scope in operation.scopes)


def _documented(body: type[Input]) -> Any:
    """Return the schema of a body, which consists of several where they depend on a member."""
    return {"oneOf": list(body.FORMS)} if body.FORMS else body


def _example_of_body(body: type[Input]) -> Mapping[str, Any]:
    return body.EXAMPLE or example_of(body())


def _headers(*names: str) -> dict[str, Any]:
    return {name: reference("headers", name) for name in names}


def example_of(schema: Schema) -> dict[str, Any]:
    """Return an example from those of a schema's members, without members that have a default."""
    return {name: _example(field) for name, field in schema.fields.items() if field.required}


def _example(field: fields.Field[Any]) -> Any:
    if "example" in field.metadata:
        return field.metadata["example"]
    if isinstance(field, fields.Nested):
        return example_of(field.schema)
    if isinstance(field, fields.List):
        return [_example(field.inner)]
    return None
