"""What the service changes about gunicorn: its log lines, its error answers, its metrics.

`config/gunicorn.conf.py` puts these in place.
"""

import errno
import os
import threading
from collections.abc import Iterable
from secrets import token_hex
from socket import AF_INET, AF_INET6, socket
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import orjson
from gunicorn import util
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.multiprocess import MultiProcessCollector

from service.api.problems import PROBLEM_JSON, problem_object
from service.domain.errors import InternalError, InvalidRequest, Problem, Unavailable
from service.observability.logging import build_logger, route_stdlib_logging
from service.observability.metrics import CodesAvailableCollector
from service.settings import Settings, load_settings
from service.store.store import SQLStore

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

DEFAULT_METRICS_PORT = 5001


class PipelineLogger(Logger):
    """Sends gunicorn's own messages down the service's log pipeline, and no access log."""

    def setup(self, cfg: Config) -> None:
        """Take gunicorn's handlers away; its messages reach the root's."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.loglevel = self.LOG_LEVELS[cfg.loglevel]
        self.error_log.handlers = []
        self.error_log.propagate = True
        self.error_log.setLevel(self.loglevel)
        route_stdlib_logging(load_settings())


class ProblemWorker(ThreadWorker):
    """Answers requests that never reach the application with a problem, too.

    gunicorn's own page would repeat what it could not read, and its log line the path.
    """

    def handle_error(self, req: Any, client: socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that could not be read, or that failed outside the application."""
        request_id = token_hex(16)
        if isinstance(exc, ParseException):
            problem: Problem = InvalidRequest(
                detail="The request is not well-formed HTTP, or too long."
            )
            self.log.info("request refused before it was read: %s", type(exc).__name__)
        else:
            problem = InternalError()
            self.log.error("request %s failed outside the application", request_id, exc_info=exc)
        body = orjson.dumps(problem_object(problem, "/", request_id))
        head = (
            f"HTTP/1.1 {problem.status} {problem.title}\r\n"
            f"Content-Type: {PROBLEM_JSON}\r\nContent-Length: {len(body)}\r\n"
            f"X-Request-ID: {request_id}\r\nConnection: close\r\n\r\n"
        )
        try:
            util.write_nonblock(client, head.encode() + body)
        except OSError:
            self.log.debug("the client had left before its error was sent")


class MetricsServer:
    """Serves `/metrics` from a thread of gunicorn's master, however busy the workers are.

    The master forks workers, and a fork must not find this thread holding a lock or an open
    SQLite connection (https://www.sqlite.org/howtocorrupt.html, section 2.6): so a scrape
    keeps forks waiting for its few milliseconds, and closes its connection before it ends.
    """

    def __init__(self, store: SQLStore, settings: Settings) -> None:
        """Show the store's numbers beside those that the workers have counted."""
        self._store = store
        self._settings = settings
        self._log = build_logger(settings)
        self._scraping = threading.Lock()
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        registry.register(CodesAvailableCollector(self._codes_available))
        self._app = make_wsgi_app(registry)

    def start(self) -> None:
        """Listen, and serve from a thread of its own until the process ends."""
        os.register_at_fork(
            before=self._scraping.acquire,
            after_in_parent=self._scraping.release,
            after_in_child=self._scraping.release,
        )
        server = self._listen()
        self._log.info("metrics_listening", port=server.server_port)
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()

    def _listen(self) -> ThreadingWSGIServer:
        """Bind the port; in development, any port where the default one is taken.

        Raises:
            OSError: The port is taken.
        """
        settings = self._settings
        try:
            return self._bind(settings.metrics_port or DEFAULT_METRICS_PORT)
        except OSError as error:
            by_hand = settings.metrics_port is not None or settings.production
            if error.errno != errno.EADDRINUSE or by_hand:
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

    def _codes_available(self) -> Iterable[tuple[str, str, int]]:
        try:
            return self._store.codes_available()
        except Unavailable as error:
            self._log.warning("codes_available_unknown", exc_info=error)
            return ()
        finally:
            self._store.close()


class SilentHandler(WSGIRequestHandler):
    """Logs no scrapes."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""
