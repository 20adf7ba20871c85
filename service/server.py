"""What the service changes about gunicorn: its log lines, and its own error answers.

`config/gunicorn.conf.py` puts these in place.
"""

import logging
from http import HTTPStatus
from select import select
from socket import socket
from typing import Any

import orjson
from gunicorn import util
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

from service.api.problems import PROBLEM_JSON, problem_object
from service.app import parts_of
from service.domain.errors import InternalError, InvalidRequest, Problem
from service.observability.logging import route_stdlib_logging
from service.settings import load_settings


class PipelineLogger(Logger):
    """Sends gunicorn's own messages down the service's log pipeline, and no access log."""

    def setup(self, cfg: Config) -> None:
        """Take gunicorn's handlers away; its messages reach the root's.

        Never below `info`: gunicorn's debug messages hold paths, and heads with their tokens.
        """
        self.cfg = cfg
        self._access_log_enabled = False
        self.loglevel = max(logging.INFO, self.LOG_LEVELS[cfg.loglevel])
        self.error_log.handlers = []
        self.error_log.propagate = True
        route_stdlib_logging(load_settings())
        self.error_log.setLevel(self.loglevel)


class ServiceWorker(ThreadWorker):
    """A worker that refuses and stops as the service promises."""

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - the base's signature
        """Once stopping, take what the kernel has accepted for us, and listen no more.

        gunicorn would keep listening while it finishes: connections that nobody will accept
        would hang, and be reset in the end.
        """
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                while select([listener], [], [], 0)[0]:
                    self.accept(listener)
                listener.close()

    def handle_error(self, req: Any, client: socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that could not be read, or that failed outside the application.

        With a problem, as everything else: gunicorn's own page would repeat what it could not
        read, and its log line the path.
        """
        if isinstance(exc, ParseException):
            problem: Problem = InvalidRequest(
                detail="The request is not well-formed HTTP, or too long."
            )
        else:
            problem = InternalError()
            self.log.error("a request failed outside the application", exc_info=exc)
        observer = parts_of(self.wsgi).observer
        record = observer.record({})
        record.problem = problem.slug
        observer.tell("other", problem.status, 0.0, record)
        try:
            util.write_nonblock(client, _response(problem, record.request_id))
        except OSError:
            self.log.debug("the client had left before its error was sent")


def _response(problem: Problem, request_id: str) -> bytes:
    body = orjson.dumps(problem_object(problem, "/", request_id))
    head = (
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
        f"Content-Type: {PROBLEM_JSON}\r\nContent-Length: {len(body)}\r\n"
        f"Cache-Control: no-store\r\nX-Request-ID: {request_id}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
