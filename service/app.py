"""The application: every route, and the order of the middlewares."""

from typing import TYPE_CHECKING

from flask import Flask

from service.api.arrival import receive, refuse_odd_slashes
from service.api.express import Express
from service.api.openapi.document import operations_of
from service.api.openapi.routes import serve_docs
from service.api.operation import PlainRule
from service.api.problems.writer import write_problems
from service.api.views.brands import brand_views
from service.api.views.codes import code_views
from service.api.views.discount import discount_views
from service.api.views.exports import export_views
from service.api.views.imports import ImportParts, import_views
from service.api.views.jobs import job_views
from service.api.views.probes import probe_routes
from service.api.views.problem_pages import problem_pages
from service.api.views.reservations import reservation_views
from service.auth.authentication import require_tokens
from service.container import Services
from service.observability.probes import Probes
from service.observability.request_log import RequestLogging
from service.store.extension import DatabaseExtension

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_NAME = "discount"
_EXPRESS = "discount-express"


def create_app(services: Services) -> Flask:
    """Build the application over its services."""
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # an empty name is an error, not another path
    app.url_rule_class = PlainRule
    app.extensions[_NAME] = services
    DatabaseExtension(services.storage.database).init_app(app)
    _register_hooks(app, services)
    _register_views(app, services)
    _register_middlewares(app, services)
    return app


def services_of(app: Flask) -> Services:
    """Return the services that an application was built over."""
    services: Services = app.extensions[_NAME]
    return services


def express_of(app: Flask) -> Express:
    """Return what answers the plain calls of an application that has its fast path."""
    express: Express = app.extensions[_EXPRESS]
    return express


def _register_hooks(app: Flask, services: Services) -> None:
    """Register what Flask does before each view, in this order, and with whatever is raised."""
    write_problems(app, services.log, services.metrics)
    receive(app)
    require_tokens(app, services.authenticate)
    refuse_odd_slashes(app)


def _register_views(app: Flask, services: Services) -> None:
    storage, metrics, cursors = services.storage, services.metrics, services.cursors
    app.register_blueprint(discount_views(storage.store, metrics))
    app.register_blueprint(reservation_views(storage.store, metrics))
    app.register_blueprint(code_views(storage.store, metrics, cursors, services.misses))
    app.register_blueprint(job_views(storage.jobs, cursors))
    app.register_blueprint(brand_views(storage.store, cursors))
    app.register_blueprint(export_views(storage.exports, services.transfers))
    app.register_blueprint(
        import_views(
            ImportParts(
                imports=storage.imports,
                jobs=storage.jobs,
                transfers=services.transfers,
                max_bytes=services.settings.import_max_bytes,
                misses=services.misses,
            )
        )
    )
    app.register_blueprint(problem_pages())
    app.register_blueprint(probe_routes())
    serve_docs(app)


def _register_middlewares(app: Flask, services: Services) -> None:
    """Wrap the application; a request passes the last one first."""
    answer: WSGIApplication = Probes(app.wsgi_app, services.readiness)
    if services.settings.fast_path:
        answer = app.extensions[_EXPRESS] = Express(
            answer, operations_of(app), services.authenticate
        )
    app.wsgi_app = RequestLogging(answer, services.requests)  # type: ignore[method-assign]
