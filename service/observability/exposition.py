"""`/metrics`, served from a thread of gunicorn's master, however busy the workers are.

The master forks workers, and a fork must not find this thread holding a lock or an open
SQLite connection (https://www.sqlite.org/howtocorrupt.html, section 2.6): so a scrape keeps
forks waiting for its few milliseconds, and whatever it opens it closes before it ends.
"""

import errno
import os
import threading
from collections.abc import Iterable
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from structlog.typing import FilteringBoundLogger

from service.observability.state import StoreWatch
from service.settings import DEFAULT_METRICS_PORT, Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class MetricsServer:
    """Shows what the workers have counted, and what collectors find at the scrape.

    Args:
        settings: Where to listen.
        watch: Looks at the store, perhaps for longer than a scrape takes.
        collectors: Find out the rest, and leave nothing open.
        log: Hears where metrics are.
    """

    def __init__(
        self,
        settings: Settings,
        watch: StoreWatch,
        collectors: Iterable[Collector],
        log: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._log = log
        self._scraping = threading.Lock()
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        for collector in collectors:
            registry.register(collector)
        self._app = make_wsgi_app(registry)

    def start(self) -> None:
        """Listen, and serve from a thread of its own until the process ends."""
        # The last registered is the first to wait: nobody begins to ask while a fork is due.
        for lock in (self._watch.busy, self._scraping):
            os.register_at_fork(
                before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
            )
        server = self._listen()
        os.register_at_fork(after_in_child=server.socket.close)  # else workers keep the port
        self._log.info("metrics_listening", port=server.server_port)
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()

    def _listen(self) -> ThreadingWSGIServer:
        """Bind the port; in development, any port where the default one is taken.

        Raises:
            OSError: The port is taken.
        """
        try:
            return self._bind(self._settings.metrics_port or DEFAULT_METRICS_PORT)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or self._settings.insists_on_metrics_port:
                raise
            return self._bind(0)

    def _bind(self, port: int) -> ThreadingWSGIServer:
        class Listener(ThreadingWSGIServer):
            address_family = AF_INET6 if ":" in self._settings.host else AF_INET

        return make_server(self._settings.host, port, self._answer, Listener, SilentHandler)

    def _answer(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/metrics":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"Metrics are at /metrics.\n"]
        with self._scraping:
            shown: Iterable[bytes] = self._app(environ, start_response)
            return shown


class SilentHandler(WSGIRequestHandler):
    """Logs no scrapes."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""
