"""What schemathesis cannot know: which texts are cursors. Only the service can make one."""

from http import HTTPStatus
from typing import Any

import schemathesis
from schemathesis import Case, HookContext


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
