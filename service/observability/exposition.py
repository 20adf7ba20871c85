"""`/metrics`, served from a thread of gunicorn's master, however busy the workers are.

The master forks workers, and a fork must not find this thread holding a lock or an open
SQLite connection (https://www.sqlite.org/howtocorrupt.html, section 2.6): so a scrape keeps
forks waiting for its few milliseconds, and whatever it opens it closes before it ends.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterable
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.multiprocess import MultiProcessCollector
from structlog.typing import FilteringBoundLogger

from service.observability.job_metrics import OpenJobs, OpenJobsCollector
from service.observability.metrics import (
    BuildCollector,
    CodesAvailable,
    CodesAvailableCollector,
    WorkerCollector,
)
from service.settings import DEFAULT_METRICS_PORT, Settings
from service.usecases.job_ports import JobsNow

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class MetricsServer:
    """Shows what the workers have counted, and the codes that are left.

    Args:
        settings: Where to listen.
        codes_available: Asks the store; must leave nothing open.
        open_jobs: Asks the store for jobs; must leave nothing open.
        workers: Returns the process ids of the workers.
        log: Hears where metrics are, and what went wrong.
    """

    def __init__(
        self,
        settings: Settings,
        codes_available: CodesAvailable,
        open_jobs: OpenJobs,
        workers: Callable[[], Iterable[int]],
        log: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._codes_available = codes_available
        self._open_jobs = open_jobs
        self._log = log
        self._scraping = threading.Lock()
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        registry.register(CodesAvailableCollector(self._ask_store))
        registry.register(OpenJobsCollector(self._ask_for_jobs))
        registry.register(BuildCollector())
        registry.register(WorkerCollector(workers))
        self._app = make_wsgi_app(registry)

    def start(self) -> None:
        """Listen, and serve from a thread of its own until the process ends."""
        os.register_at_fork(
            before=self._scraping.acquire,
            after_in_parent=self._scraping.release,
            after_in_child=self._scraping.release,
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

    def _ask_store(self) -> Iterable[tuple[str, str, int]]:
        """Ask how many codes are left; that nobody knows must not hide all other numbers."""
        try:
            return self._codes_available()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not the counters' fault
            self._log.warning("codes_available_unknown", exc_info=error)
            return ()

    def _ask_for_jobs(self) -> JobsNow | None:
        try:
            return self._open_jobs()
        except Exception as error:  # noqa: BLE001 - as above
            self._log.warning("open_jobs_unknown", exc_info=error)
            return None


class SilentHandler(WSGIRequestHandler):
    """Logs no scrapes."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""
