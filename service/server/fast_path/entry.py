"""The one entry to the fast path, for whoever makes an application and for its workers.

`DISCOUNT_FAST_PATH` is the one switch. With rate limits in Redis, for which an event loop must not
wait, plain calls are still dispatched before Flask, but by threads.
"""

from flask import Flask

from service.api.routes import served_operations
from service.app import services_of
from service.server.fast_path.calls import FastWorker, PlainCalls
from service.server.fast_path.dispatch import FastPath
from service.server.fast_path.tasks import Tasks, TaskSignals

__all__ = ["PlainCalls", "TaskSignals", "install", "plain_calls"]
_NAME = "discount-fast-path"


def install(app: Flask) -> None:
    """Have the plain calls of an application dispatched before Flask, if its settings say so."""
    services = services_of(app)
    if services.settings.fast_path:
        fast_path = FastPath(app.wsgi_app, served_operations(app), services)
        app.wsgi_app = app.extensions[_NAME] = fast_path  # type: ignore[method-assign]


def plain_calls(worker: FastWorker) -> PlainCalls | None:
    """Return what answers the plain calls of a worker in its event loop, unless threads do."""
    app: Flask = worker.wsgi
    if services_of(app).settings.fast_path_off_by:
        return None
    fast_path: FastPath = app.extensions[_NAME]
    return PlainCalls(worker, Tasks(worker.method_queue.defer), fast_path.looks_plain)
