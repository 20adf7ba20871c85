"""Pages of a listing, with the cursor that the next one begins behind."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, request

from service.api.answers import answer, request_path
from service.api.cursors import Cursors
from service.domain.model import Page

Item = TypeVar("Item")


def answer_page(
    cursors: Cursors,
    listing: str,
    page: Page[Item],
    key_of: Callable[[Item], str],
    show: Callable[[Item], dict[str, Any]],
) -> Response:
    """Answer with a page, and with a link to the next one if there is one (RFC 8288)."""
    cursor = cursors.encode(listing, key_of(page.items[-1])) if page.more else None
    content = {"items": [show(item) for item in page.items], "next_cursor": cursor}
    if cursor is None:
        return answer(content)
    query = urlencode({**request.args, "cursor": cursor})
    return answer(content, headers={"Link": f'<{request_path()}?{query}>; rel="next"'})
