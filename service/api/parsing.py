"""Parsing of requests with webargs: path, query and body, each with a strict schema."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import orjson
from flask import Request
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy

from service.api.problems.http_errors import UnsupportedMediaType
from service.api.reply import JSON
from service.auth.authentication import current_caller
from service.domain.errors import InputError, InvalidRequest, TooLarge
from service.formats.strict_json import DuplicateMembers, unique_members

MAX_BODY_BYTES = 1024 * 1024
"""Longest JSON body."""


class StrictParser(FlaskParser):
    """A parser that refuses unknown members everywhere, with the problems of the API."""

    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012 - as the base declares it
        **dict.fromkeys(("json", "query", "path"), RAISE),
        "headers": EXCLUDE,
    }

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Read a JSON body.

        Raises:
            UnsupportedMediaType: The body has another type.
            InvalidRequest: The body is not JSON.
            TooLarge: The body is longer than `MAX_BODY_BYTES`.
            BrandNotFound: The caller may not access the brand in the body.
        """
        if req.mimetype != JSON or "Content-Encoding" in req.headers:
            raise UnsupportedMediaType
        body = _read_json(_read_body(req, MAX_BODY_BYTES))
        if isinstance(body, dict) and isinstance(body.get("brand"), str):
            # Before any other error in the body is reported, as with a brand in the path.
            current_caller().require_brand(body["brand"])
        return body

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Read the query.

        Raises:
            InvalidRequest: A parameter is repeated.
        """
        repeated = [name for name, values in req.args.lists() if len(values) > 1]
        if repeated:
            raise InvalidRequest([_fault([name], "Given more than once.") for name in repeated])
        return MultiDictProxy(req.args, schema)

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        """Convert a schema's errors to a problem.

        Raises:
            InvalidRequest: Always.
        """
        by_location: Mapping[str, Any] = error.messages_dict
        raise InvalidRequest(
            [_fault(path, text) for part in by_location.values() for path, text in _flatten(part)]
        ) from error


def _read_body(req: Request, limit: int) -> bytes:
    """Read a whole body, whatever its transfer coding.

    The server's stream is read, as werkzeug's would truncate a chunked body at its limit.

    Raises:
        TooLarge: The body is longer than `limit` bytes.
        InvalidRequest: The body ends too soon, or its chunks are malformed.
    """
    if (req.content_length or 0) > limit:
        raise TooLarge
    try:
        body: bytes = req.environ["wsgi.input"].read(limit + 1)
    except Exception as error:
        raise InvalidRequest([InputError("", "The body could not be read.")]) from error
    if len(body) > limit:
        raise TooLarge
    if len(body) < (req.content_length or 0):
        raise InvalidRequest([InputError("", "The body is incomplete.")])
    return body


def _read_json(body: bytes) -> Any:
    """Parse JSON strictly.

    orjson refuses text that is not UTF-8 or not JSON, but takes the last of duplicate members; the
    standard library can refuse those.

    Raises:
        InvalidRequest: The body is not JSON, or has duplicate members.
    """
    try:
        orjson.loads(body)
        return json.loads(body, object_pairs_hook=unique_members)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest([InputError("", f"Not valid JSON: see {where}.")]) from error
    except DuplicateMembers as twins:
        raise InvalidRequest(
            [_fault([name], "Given more than once.") for name in twins.names]
        ) from twins
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(
            [InputError("", "The JSON is nested too deeply, or a number is too long.")]
        ) from error


def _flatten(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path and text of each of marshmallow's nested messages."""
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            yield from _flatten(below, path if key == "_schema" else (*path, str(key)))
    elif isinstance(messages, list):
        for message in messages:
            yield from _flatten(message, path)
    else:
        yield path, str(messages)


def _fault(path: tuple[str, ...] | list[str], text: str) -> InputError:
    """Return an error with its JSON pointer (RFC 6901, section 3)."""
    parts = (part.replace("~", "~0").replace("/", "~1") for part in path)
    return InputError("".join(f"/{part}" for part in parts), text)
