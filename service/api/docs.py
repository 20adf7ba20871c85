"""`/apidocs/` and `/apispec_1.json`: flasgger serves our document with Swagger UI 5."""

from pathlib import Path

import flask_swagger_ui
from flasgger import Swagger
from flask import Blueprint, Flask, Response, make_response

from service.api.document import OPENAPI_VERSION, build_document
from service.observability.requests import LOCKED_DOWN, current_record

SWAGGER_UI = Path(flask_swagger_ui.__file__).parent / "dist"
PAGE_POLICY = (
    f"{LOCKED_DOWN}; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:"  # the style sheet's own arrows and ticks are data: URLs
)
"""Content-Security-Policy of the page: what Swagger UI 5 needs, and nothing inline."""


def serve_docs(app: Flask) -> None:
    """Serve the document of everything that `app` serves by now.

    flasgger brings Swagger UI 3 and pages with inline scripts and foreign fonts; it gets
    newer files to serve, and a page of ours (`templates/flasgger/index.html`).
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
        template=build_document(app),
        config={
            "openapi": OPENAPI_VERSION,
            "title": "Discount Service",
            "headers": [],
            "specs": [
                {
                    "endpoint": "apispec_1",
                    "route": "/apispec_1.json",
                    "rule_filter": lambda _rule: False,  # the document is ours, whole
                    "model_filter": lambda _tag: False,
                }
            ],
            "specs_route": "/apidocs/",
            "oauth_redirect": "/apidocs/oauth2-redirect.html",
            "static_url_path": "/apidocs/static",
            "static_folder": str(SWAGGER_UI),
        },
    )
    shown = app.view_functions["flasgger.apidocs"]

    def page() -> Response:
        current_record().policy = PAGE_POLICY
        return make_response(shown())

    app.view_functions["flasgger.apidocs"] = page
    app.add_url_rule("/apidocs", "apidocs_without_slash", page)
