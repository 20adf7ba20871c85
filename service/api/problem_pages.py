"""`/problems/<slug>`: what a problem's `type` points to, for people."""

import re

from flask import Blueprint, render_template
from markupsafe import Markup, escape

from service.domain.errors import PROBLEMS, NotFound

_BY_SLUG = {problem.slug: problem for problem in PROBLEMS}


def problem_pages() -> Blueprint:
    """Make the pages."""
    pages = Blueprint("problem_pages", __name__, template_folder="templates")
    pages.add_app_template_filter(_marked, "marked")

    @pages.get("/problems/<slug>")
    def show(slug: str) -> str:
        """Explain one problem."""
        if slug not in _BY_SLUG:
            raise NotFound
        return render_template("problem.html", problem=_BY_SLUG[slug])

    return pages


def _marked(text: str) -> Markup:
    """Turn `code` between backticks into an element."""
    escaped = str(escape(text))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped))  # noqa: S704 - escaped above
