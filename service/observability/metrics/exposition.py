"""`/metrics`, served by threads of gunicorn's master, however busy the workers are.

The master forks workers, and a fork must not find a thread here holding a lock or an open
SQLite connection (https://www.sqlite.org/howtocorrupt.html, section 2.6): so a scrape keeps
forks waiting for its few milliseconds, and whatever it opens it closes before it ends. The thread
that waits for clients (`scrape_server.py`) holds no lock; a child closes what it has open.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.registry import Collector
from structlog.typing import FilteringBoundLogger

from service.observability.metrics.database_monitor import StoreMonitor
from service.observability.metrics.scrape_messages import Request, Response
from service.observability.metrics.scrape_server import ScrapeServer
from service.settings import DEFAULT_METRICS_PORT, Settings

_READ = {"accept": "HTTP_ACCEPT", "accept-encoding": "HTTP_ACCEPT_ENCODING"}
"""The header fields that prometheus-client reads."""


class MetricsServer:
    """The server of the metrics of all processes.

    Args:
        settings: The address.
        watch: The monitor of the store, whose query may last longer than a scrape.
        collectors: The collectors, which leave nothing open.
        log: Logs the address.
        note: Updates the counters of this process, just before a scrape.
        forget: Merges the counters of an ended process.
    """

    def __init__(
        self,
        settings: Settings,
        watch: StoreMonitor,
        collectors: Iterable[Collector],
        log: FilteringBoundLogger,
        note: Callable[[], object],
        forget: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._forget = forget
        self._watch = watch
        self._log = log
        self._note = note
        self._scraping = threading.Lock()
        registry = CollectorRegistry()
        for collector in collectors:
            registry.register(collector)
        self._show = answers_of(registry)

    def start(self) -> None:
        """Start the threads that serve until the process ends."""
        # The last registered is the first to be waited for: a fork that waits for a query, perhaps
        # for ever as the disk is frozen, keeps no scrape waiting.
        for lock in (self._scraping, self._watch.busy):
            os.register_at_fork(
                before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
            )
        server = self._listen()
        server.start()
        self._log.info("metrics_listening", port=server.port)

    def forget(self, pid: int) -> None:
        """Merge the counters of an ended process, and remove its files."""
        try:
            with self._scraping:
                self._forget(pid)
        except Exception as error:  # noqa: BLE001 - the server lives; the files stay, and are shown
            self._log.warning("counters_not_merged", exc_info=error)

    def _listen(self) -> ScrapeServer:
        """Bind the port; in development, a free one if the default is in use.

        Raises:
            OSError: The port is in use.
        """
        if self._settings.metrics_port is None and (
            self._settings.worker_metrics_port == DEFAULT_METRICS_PORT
        ):
            return self._bind(0)  # in development; a worker wants that one
        try:
            return self._bind(self._settings.metrics_port or DEFAULT_METRICS_PORT)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or self._settings.requires_metrics_port:
                raise
            return self._bind(0)

    def _bind(self, port: int) -> ScrapeServer:
        return ScrapeServer(self._settings.host, port, self._answer, self._log)

    def _answer(self, request: Request) -> Response:
        with self._scraping:
            self._note()
            return self._show(request)


def answers_of(registry: CollectorRegistry) -> Callable[[Request], Response]:
    """Return a handler for `/metrics` of a registry, in the scraper's format."""
    app: Any = make_wsgi_app(registry)

    def show(request: Request) -> Response:
        if request.path != "/metrics":
            text = [("Content-Type", "text/plain")]
            return Response("404 Not Found", text, b"Metrics are at /metrics.\n")
        started: list[Any] = []
        environ = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query,
            **{
                name: request.fields[field]
                for field, name in _READ.items()
                if field in request.fields
            },
        }
        body = b"".join(app(environ, lambda *start: started.extend(start)))
        return Response(started[0], started[1], body)

    return show
