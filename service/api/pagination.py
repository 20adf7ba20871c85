"""Pages of a listing, with the cursor of the next page."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import request

from service.api.cursors import Cursors
from service.api.reply import Reply, encoded_path
from service.domain.model import Page

Item = TypeVar("Item")


def reply_page(
    cursors: Cursors,
    listing: str,
    page: Page[Item],
    key_of: Callable[[Item], str],
    show: Callable[[Item], dict[str, Any]],
) -> Reply:
    """Reply with a page, and with a link to the next one if there is one (RFC 8288)."""
    cursor = cursors.encode(listing, key_of(page.items[-1])) if page.more else None
    content = {"items": [show(item) for item in page.items], "next_cursor": cursor}
    if cursor is None:
        return Reply(content)
    query = urlencode({**request.args, "cursor": cursor})
    link = f'<{encoded_path(request.path)}?{query}>; rel="next"'
    return Reply(content, headers=(("Link", link),))
