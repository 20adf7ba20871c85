"""The OpenAPI document, generated from the operations."""

from collections.abc import Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema, fields

from service import __version__
from service.api.idempotency import REPLAYED
from service.api.openapi.probes import PROBES
from service.api.operation import Answer, Operation
from service.api.problems.catalogue import problem_type
from service.api.problems.writer import problem_headers, problem_object
from service.api.reply import PROBLEM_JSON
from service.api.routes import served_operations
from service.api.schemas.responses import ProblemObject
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

OPENAPI_VERSION = "3.0.3"
SECURITY_SCHEME = "bearerAuth"
DESCRIPTION = """\
Brands own pools of secret discount codes. A user gets one code of a pool and always the same one,
and no code is given to two users.

- Every call needs `Authorization: Bearer <JWT>`; `discount token` creates a token for development.
- Every response has `X-Request-ID`: the caller's own, if it sent a valid one.
- Every error is a problem document (RFC 9457) whose `type` is a page that explains what to do.
- Every response to an authenticated caller has `RateLimit` and `RateLimit-Policy`, unless rate
  limits are off.

## The life of a code

The state of a code is the first of these that applies now: `redeemed`, `disabled`, `expired` (the
end of its reservation or campaign is past, and no checkout holds it), `reserved`, `available`. So
an undo, or enabling a code, brings back what is below.

"""
TAGS = {
    "discount": "The two basic calls: create codes, and give a user a code.",
    "brands": "Brands.",
    "campaigns": "Campaigns of a brand: pools of codes with rules.",
    "codes": "Codes of a campaign.",
    "jobs": "Work in the background.",
    "imports": "Import your own lists of codes.",
    "exports": "Download all codes of a campaign.",
    "reservations": "One code of a campaign for each user.",
    "checkout": "Hold and redeem codes of orders, and undo that.",
    "users": "Users: their codes in all campaigns of a brand, and their erasure.",
    "probes": "Health checks for the orchestrator; no token needed.",
}
_REQUEST_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
_HEADERS: Mapping[str, tuple[str, str]] = {
    "X-Request-ID": ("The id of this request, which the log has too.", _REQUEST_ID),
    "Link": ("The next page, if there is one (RFC 8288).", '</v1/brands?cursor=a>; rel="next"'),
    "ETag": ("The version of the rules, for `If-Match`.", '"5d41402abc4b2a76b9719d911017c592"'),
    "Location": (
        "The URL of the job.",
        "/v1/brands/brand1/campaigns/default/jobs/019a2f3be4d4c0ffee0123456789abcd",
    ),
    REPLAYED: ("Whether this is the answer to an earlier request with the same key.", "true"),
    "RateLimit": (
        "The caller's remaining calls, and the seconds for which they have to last.",
        '"caller";r=49999;t=10',
    ),
    "RateLimit-Policy": (
        "The caller's number of calls, and the window in seconds.",
        '"caller";q=50000;w=10',
    ),
    "Retry-After": ("Seconds to wait before the next attempt.", "1"),
    "WWW-Authenticate": ("What is missing (RFC 6750).", "Bearer"),
}
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
        info={"description": DESCRIPTION + moves.table(), "license": {"name": "MIT"}},
        servers=[{"url": "/"}],
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
    )
    spec.components.security_scheme(
        SECURITY_SCHEME,
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A JWT, validated as recommended in RFC 8725.",
        },
    )
    for operation in served_operations(app):
        spec.path(operation.path, operations={operation.method.lower(): _describe(operation)})
    for path, described in PROBES.items():
        spec.path(path, operations={"get": described})
    document: dict[str, Any] = spec.to_dict()
    return document


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description}\n\nScope: `{operation.scope}`.",
        "security": [{SECURITY_SCHEME: []}],
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
            **_refusals(operation),
        },
    }
    if operation.body:
        described["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {
                    "schema": operation.body,
                    "example": example_of(operation.body()),
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


def _refusals(operation: Operation) -> dict[str, Any]:
    """Describe an operation's problems, of which several may share a status."""
    path = operation.path
    if operation.parameters:
        path = path.format(**example_of(operation.parameters()))
    by_status: dict[int, list[ServiceError]] = {}
    for kind in operation.refusals:
        by_status.setdefault(problem_type(kind).status, []).append(_instance_of(kind, operation))
    return {
        str(status): {
            "description": " Or: ".join(problem_type(error).meaning for error in errors),
            "headers": _headers(
                "X-Request-ID",
                *(() if isinstance(errors[0], Unauthenticated) else _LIMIT),
                *dict.fromkeys(name for error in errors for name in problem_headers(error)),
            ),
            "content": {
                PROBLEM_JSON: {
                    "schema": ProblemObject,
                    "examples": {
                        problem_type(error).slug: {
                            "summary": problem_type(error).title,
                            "value": problem_object(error, path, _REQUEST_ID),
                        }
                        for error in errors
                    },
                }
            },
        }
        for status, errors in sorted(by_status.items())
    }


def _instance_of(kind: type[ServiceError], operation: Operation) -> ServiceError:
    if issubclass(kind, Forbidden):
        return Forbidden(operation.scope)
    if issubclass(kind, InvalidRequest):
        place = next(iter((operation.body or operation.query)().fields), "brand")
        return InvalidRequest([InputError(f"/{place}", "Not a valid value.")])
    if issubclass(kind, Unauthenticated):
        return Unauthenticated("The call carries no bearer token.")
    return kind()


def _headers(*names: str) -> dict[str, Any]:
    return {
        name: {
            "description": _HEADERS[name][0],
            "schema": {"type": "string", "example": _HEADERS[name][1]},
        }
        for name in names
    }


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
