"""The application: all operations, and the order of the middlewares."""

from collections.abc import Iterable

from flask import Flask

from service.api.openapi.routes import serve_docs
from service.api.operation import Operation, Views, operations_of
from service.api.pipeline import Pipeline
from service.api.problems.handlers import handle_errors
from service.api.routes import serve_operations
from service.api.views.brands import BrandViews
from service.api.views.campaigns import CampaignViews
from service.api.views.checkout import CheckoutViews
from service.api.views.code_changes import CodeChangeViews
from service.api.views.code_lookup import CodeLookupViews
from service.api.views.codes import CodeViews
from service.api.views.discount import DiscountViews
from service.api.views.exports import ExportViews
from service.api.views.imports import ImportViews
from service.api.views.jobs import JobViews
from service.api.views.probes import probe_routes
from service.api.views.problem_pages import problem_pages
from service.api.views.releases import ReleaseViews
from service.api.views.reservations import ReservationViews
from service.api.views.users import UserViews
from service.container.services import Services
from service.observability.metrics.instruments import Metrics
from service.observability.probes import Probes
from service.observability.request_log import RequestLogging
from service.store.extension import DatabaseExtension

_NAME = "discount"


def create_app(services: Services) -> Flask:
    """Build the application over its services; a request passes the last middleware first."""
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # an empty name is an error, not another path
    app.extensions[_NAME] = services
    DatabaseExtension(services.storage.database).init_app(app)
    handle_errors(app, services.problems)
    operations = [each for views in _views(services) for each in operations_of(views)]
    _expect_calls(services.metrics, operations)
    serve_operations(app, operations, Pipeline(services.authenticate, services.limits))
    app.register_blueprint(problem_pages())
    app.register_blueprint(probe_routes())
    serve_docs(app)
    probes = Probes(app.wsgi_app, services.readiness)
    app.wsgi_app = RequestLogging(probes, services.requests)  # type: ignore[method-assign]
    return app


def _expect_calls(metrics: Metrics, operations: Iterable[Operation]) -> None:
    """Begin the series that alerts read."""
    for each in operations:
        metrics.expect_failures(each.method, each.path)
        if each.head and each.method == "GET":
            metrics.expect_failures("HEAD", each.path)
        if not each.transfers:
            metrics.expect_durations(each.method, each.path)


def services_of(app: Flask) -> Services:
    """Return the services of an application."""
    services: Services = app.extensions[_NAME]
    return services


def _views(services: Services) -> Iterable[Views]:
    """Return the views in the order of the document."""
    storage, metrics, cursors = services.storage, services.metrics, services.cursors
    return (
        DiscountViews(storage.store, metrics, services.tombstones),
        ReservationViews(storage.store, metrics, services.tombstones),
        ReleaseViews(storage.code_moves, metrics),
        CheckoutViews(storage.code_moves, metrics, services.misses, services.tombstones),
        CodeViews(storage.store, metrics, cursors),
        CodeLookupViews(storage.code_moves, storage.store, services.misses),
        CodeChangeViews(storage.code_moves, storage.store, services.misses),
        UserViews(storage.store, cursors, services.tombstones),
        JobViews(storage.jobs, cursors, storage.imports, services.misses),
        BrandViews(storage.store, cursors),
        CampaignViews(storage.store, cursors),
        ExportViews(storage.exports, services.transfers),
        ImportViews(
            imports=storage.imports,
            jobs=storage.jobs,
            transfers=services.transfers,
            max_bytes=services.settings.import_max_bytes,
            misses=services.misses,
        ),
    )
