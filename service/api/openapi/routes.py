"""The OpenAPI document and `/apidocs/`, which flasgger serves with Swagger UI 5."""

import functools
from collections.abc import Callable
from pathlib import Path

import flask_swagger_ui
import orjson
from flasgger import Swagger
from flask import Blueprint, Flask, Response, make_response, redirect, request

from service.api.cached_pages import CachedPage
from service.api.openapi.document import OPENAPI_VERSION, build_document
from service.api.reply import JSON
from service.observability.exchange import LOCKED_DOWN, current_exchange

SWAGGER_UI = Path(flask_swagger_ui.__file__).parent / "dist"
PAGE_POLICY = (
    f"{LOCKED_DOWN}; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:"  # the style sheet's own arrows and ticks are data: URLs
)
"""The Content-Security-Policy of the page: what Swagger UI 5 needs, and nothing inline."""


def serve_docs(app: Flask) -> None:
    """Serve the document of `app`.

    flasgger has Swagger UI 3, and pages with inline scripts and external fonts; it gets
    newer files and our own page (`templates/flasgger/index.html`).
    """
    app.register_blueprint(
        Blueprint(
            "apidocs",
            __name__,
            static_folder="static",
            static_url_path="/apidocs",
            template_folder="templates",
        )
    )
    Swagger(
        app,
        config={
            "openapi": OPENAPI_VERSION,
            "title": "Discount Service",
            "headers": [],
            "specs": [
                {
                    "endpoint": "apispec_1",
                    "route": "/apispec_1.json",
                }
            ],
            "specs_route": "/apidocs/",
            "oauth_redirect": "/apidocs/oauth2-redirect.html",
            "static_url_path": "/apidocs/static",
            "static_folder": str(SWAGGER_UI),
        },
    )
    app.view_functions["flasgger.apispec_1"] = document = _document_view(app)
    app.add_url_rule("/openapi.json", "openapi", document)
    shown = app.view_functions["flasgger.apidocs"]

    @functools.cache
    def written() -> CachedPage:
        return CachedPage.of(make_response(shown()).get_data())

    def page() -> Response:
        current_exchange().policy = PAGE_POLICY
        # Flasgger looks at the query.
        return make_response(shown()) if request.args else written().answer()

    app.view_functions["flasgger.apidocs"] = page
    app.add_url_rule("/apidocs", "apidocs_without_slash", page)
    app.add_url_rule("/", "root", lambda: redirect("/apidocs/"))


def _document_view(app: Flask) -> Callable[[], Response]:
    """Return the view of the document, which is generated on the first request."""

    @functools.cache
    def written() -> CachedPage:
        body = orjson.dumps(build_document(app), option=orjson.OPT_NON_STR_KEYS)
        return CachedPage.of(body, JSON)

    return lambda: written().answer()
