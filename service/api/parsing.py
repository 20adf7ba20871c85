"""Taking requests apart with webargs: path, query and body, each by its strict schema."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import orjson
from flask import Request
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy

from service.api.answers import JSON
from service.domain.errors import InputError, InvalidRequest, UnsupportedMediaType

MAX_BODY_BYTES = 1024 * 1024
"""Longest JSON body."""


class StrictParser(FlaskParser):
    """Refuses what it does not know, everywhere, and says so as a problem of ours."""

    DEFAULT_UNKNOWN_BY_LOCATION = dict.fromkeys(("json", "query", "path"), RAISE)

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Read a JSON body.

        Raises:
            UnsupportedMediaType: It is said to be something else.
            InvalidRequest: It is no JSON.
            RequestEntityTooLarge: It is longer than `MAX_BODY_BYTES`.
        """
        if req.mimetype != JSON:
            raise UnsupportedMediaType
        try:
            return orjson.loads(req.get_data(cache=False))
        except orjson.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise InvalidRequest([InputError("", f"Not JSON: see {where}.")]) from error

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Read the query.

        Raises:
            InvalidRequest: A parameter is there twice.
        """
        repeated = [name for name, values in req.args.lists() if len(values) > 1]
        if repeated:
            raise InvalidRequest([_fault([name], "Given more than once.") for name in repeated])
        return MultiDictProxy(req.args, schema)

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        """Turn a schema's refusal into ours.

        Raises:
            InvalidRequest: Always.
        """
        by_location: Mapping[str, Any] = error.messages_dict
        raise InvalidRequest(
            [_fault(path, text) for part in by_location.values() for path, text in _flatten(part)]
        ) from error


def _flatten(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Walk marshmallow's nested messages down to the texts."""
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            yield from _flatten(below, path if key == "_schema" else (*path, str(key)))
    elif isinstance(messages, list):
        for message in messages:
            yield from _flatten(message, path)
    else:
        yield path, str(messages)


def _fault(path: tuple[str, ...] | list[str], text: str) -> InputError:
    """Name a fault by its JSON pointer (RFC 6901, section 3)."""
    parts = (part.replace("~", "~0").replace("/", "~1") for part in path)
    return InputError("".join(f"/{part}" for part in parts), text)
