"""The entry to the fast path, for the application and for its workers.

`DISCOUNT_FAST_PATH` is the switch. With rate limits in Redis, for which the event loop must not
wait, fast-path calls are still dispatched before Flask, but by threads.
"""

from flask import Flask

from service.api.routes import served_operations
from service.app import services_of
from service.server.fast_path.calls import FastPathCalls, FastPathWorker
from service.server.fast_path.dispatch import FastPath
from service.server.fast_path.tasks import TaskScheduler, TaskSignals

__all__ = ["FastPathCalls", "TaskSignals", "fast_path_calls", "install"]
_NAME = "discount-fast-path"


def install(app: Flask) -> None:
    """Dispatch the fast-path calls of an application before Flask, if its settings allow that."""
    services = services_of(app)
    if services.settings.fast_path:
        fast_path = FastPath(app.wsgi_app, served_operations(app), services)
        app.wsgi_app = app.extensions[_NAME] = fast_path  # type: ignore[method-assign]


def fast_path_calls(worker: FastPathWorker) -> FastPathCalls | None:
    """Return the fast-path calls of a worker's event loop; `None` if threads answer them."""
    app: Flask = worker.wsgi
    fast_path: FastPath | None = app.extensions.get(_NAME)
    if fast_path is None or services_of(app).settings.fast_path_off_by:
        return None
    return FastPathCalls(worker, TaskScheduler(worker.method_queue.defer), fast_path.may_match)
