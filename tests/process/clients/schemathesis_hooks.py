"""Hooks for what no schema expresses: valid cursors, and the format of lists of codes."""

from http import HTTPStatus
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, SerializationContext
from schemathesis.core import NotSet

from service.api.schemas.requests import MAX_CURSOR


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Where a call is meant to be good, put the listing's own cursor for one that was made up.

    No schema can tell a cursor from another text (they are sealed), so those made up for calls
    that are meant to be good are bad: the service rightly answers 400. Cursors in calls that are
    meant to be bad stay as they are, and so does every check.
    """
    if not (case.meta and case.meta.generation.mode.is_positive and "cursor" in case.query):
        return
    del case.query["cursor"]
    first = case.operation.Case(
        path_parameters=case.path_parameters,
        query={**case.query, "limit": "1"},
        headers=case.headers,  # the token is among them
    )
    page = first.call(**kwargs)
    if page.status_code == HTTPStatus.OK and page.json()["next_cursor"]:
        case.query["cursor"] = page.json()["next_cursor"]


@schemathesis.hook("before_call")
def send_no_conditions(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Where a call is meant to be good, leave out conditions: made-up entity tags never match."""
    if case.meta and case.meta.generation.mode.is_positive:
        for name in ("If-Match", "If-None-Match"):
            case.headers.pop(name, None)


@schemathesis.hook("before_call")
def send_rules_that_agree(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Where a campaign's rules are meant to be good, leave out those that contradict others."""
    good = case.meta and case.meta.generation.mode.is_positive
    if good and case.path.endswith("/{campaign}") and isinstance(case.body, dict):
        for name in ("redeem_by", "ends_at", "discount", "code_format", "claims_from"):
            case.body.pop(name, None)
        # 7.0 is an integer for JSON Schema, and none for the service.
        if isinstance(levels := case.body.get("low_at"), list):
            case.body["low_at"] = [int(str(level).removesuffix(".0")) for level in levels]


@schemathesis.hook("before_call")
def try_only_what_can_be_tried(
    _context: HookContext, case: Case[Any], _kwargs: dict[str, Any]
) -> None:
    """Where a job is meant to be good, `dry_run` is for those that change codes."""
    good = case.meta and case.meta.generation.mode.is_positive
    if good and case.path.endswith("/jobs") and isinstance(case.body, dict):
        if "where" in case.body:
            case.body["where"] = {"state": "available"}  # windows may be empty
        else:
            case.query.pop("dry_run", None)


@schemathesis.hook("before_call")
def end_in_the_future(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Where a reservation's end is meant to be good, it is to come."""
    good = case.meta and case.meta.generation.mode.is_positive and case.method == "PATCH"
    if good and isinstance(case.body, dict) and case.body.get("expires_at"):
        case.body["expires_at"] = "2999-12-31T00:00:00Z"


@schemathesis.hook("before_call")
def erase_somebody_else(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Leave the user of the examples: everything about an erased user is a 410."""
    erases = case.method == "DELETE" and case.path.endswith("/users/{user}")
    if erases and case.path_parameters.get("user") == "user1":
        case.path_parameters["user"] = "user-to-erase"


@schemathesis.hook("before_call")
def keep_to_the_request_line(
    _context: HookContext, case: Case[Any], _kwargs: dict[str, Any]
) -> None:
    """Where a cursor is too long, keep its length and leave out what takes twelve bytes each.

    The request line would be too long before the cursor is looked at.
    """
    cursor = case.query.get("cursor")
    if isinstance(cursor, str) and len(cursor) > MAX_CURSOR:
        case.query["cursor"] = "x" * (MAX_CURSOR + 1)


@schemathesis.hook("before_call")
def send_no_text(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Where the body of an import is meant to be bad, send what is no text.

    A body made up with another type than text is text again once it is sent.
    """
    if (
        case.path.endswith("/imports")
        and case.meta
        and not isinstance(case.body, NotSet | str | bytes)
    ):
        case.body = "\0"


@schemathesis.serializer("application/x-ndjson")
def as_it_is(_context: SerializationContext, value: Any) -> bytes:
    """Send a generated list of codes."""
    return value if isinstance(value, bytes) else str(value).encode()
