"""Pages of problem types, `/problems/<slug>`, and their list, for people."""

import functools
import re
from operator import attrgetter

from flask import Blueprint, Response, render_template
from markupsafe import Markup, escape

from service.api.cached_pages import CachedPage
from service.api.problems.catalogue import PROBLEM_TYPES
from service.api.problems.http_errors import NotFound
from service.observability.exchange import LOCKED_DOWN, current_exchange

POLICY = f"{LOCKED_DOWN}; style-src 'self'"
"""The Content-Security-Policy of the pages."""
_BY_SLUG = {problem.slug: problem for problem in PROBLEM_TYPES}


def problem_pages() -> Blueprint:
    """Make the pages."""
    pages = Blueprint("problem_pages", __name__, template_folder="templates")
    pages.add_app_template_filter(_marked, "marked")

    @pages.get("/problems/")
    def list_problems() -> Response:
        """List all problems, by status."""
        return _styled(_list())

    @pages.get("/problems/<slug>")
    def show(slug: str) -> Response:
        """Explain one problem."""
        if slug not in _BY_SLUG:
            raise NotFound
        return _styled(_written(slug))

    return pages


def _styled(page: CachedPage) -> Response:
    current_exchange().policy = POLICY
    return page.answer()


@functools.cache
def _list() -> CachedPage:
    problems = sorted(PROBLEM_TYPES, key=attrgetter("status", "slug"))
    return CachedPage.of(render_template("problems.html", problems=problems).encode())


@functools.cache
def _written(slug: str) -> CachedPage:
    return CachedPage.of(render_template("problem.html", problem=_BY_SLUG[slug]).encode())


def _marked(text: str) -> Markup:
    """Convert `code` between backticks to an element."""
    escaped = str(escape(text))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped))  # noqa: S704 - escaped above
