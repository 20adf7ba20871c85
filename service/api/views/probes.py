"""Routes of the probes, which a middleware answers (`service/observability/probes.py`)."""

from flask import Blueprint, Response


def probe_routes() -> Blueprint:
    """Return the routes, so that other methods are refused as usual."""
    routes = Blueprint("probes", __name__)
    for name in ("livez", "readyz"):
        routes.add_url_rule(f"/{name}", name, _answered_before)
    return routes


def _answered_before() -> Response:
    raise AssertionError("The middleware answers the probes.")
