"""Server hooks of gunicorn.

https://gunicorn.org/reference/settings/#server-hooks
"""

import gc
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

from service.app import services_of
from service.container.metrics_server import build_metrics_server
from service.observability.drain import Drain
from service.observability.metrics.worker_collector import WorkerProcess
from service.observability.uncaught import log_uncaught_exceptions
from service.server.vitals import keep_reporting
from service.settings import Settings

ENDED = "workers_ended"
"""The arbiter's attribute for the number of workers that have ended."""


class Hooks:
    """The hooks of one server.

    Args:
        settings: The settings.
        counters: The folder of the counters that processes share.
    """

    def __init__(self, settings: Settings, counters: Path) -> None:
        self._settings, self._counters = settings, counters
        self._master = os.getpid()

    def when_ready(self, server: Any) -> None:
        """Serve metrics from the master, and install draining."""
        services = services_of(server.app.wsgi())
        log = services.log
        log_uncaught_exceptions(log)
        self._metrics = build_metrics_server(
            services,
            self._counters,
            workers=lambda: _workers(server),
            ended=lambda: getattr(server, ENDED, 0),
        )
        self._metrics.start()
        if setting := self._settings.fast_path_off_by:
            log.info("fast_path_off", setting=setting)
        self._drain_first(server, services.drain, services.log)
        gc.collect()
        gc.freeze()  # workers' collectors leave inherited objects alone

    def _drain_first(self, server: Any, drain: Drain, log: FilteringBoundLogger) -> None:
        """On SIGTERM, report "not ready" for a while before gunicorn closes its listeners.

        A second SIGTERM stops the server immediately.
        """
        stop = server.handle_term
        drain_s = self._settings.drain_s

        def handle_term() -> None:
            if drain.begun or not drain_s:
                stop()
                return
            drain.begin()
            log.info("draining", seconds=drain_s)
            again = threading.Timer(drain_s, os.kill, (self._master, signal.SIGTERM))
            again.daemon = True
            again.start()

        server.handle_term = handle_term

    def post_worker_init(self, worker: Any) -> None:
        """Start the worker's threads; the master's do not survive the fork."""
        services_of(worker.wsgi).start()
        worker.open_fast_path()
        keep_reporting(worker)

    def worker_exit(self, _server: Any, worker: Any) -> None:
        """Write the last counts and lines, and export the last spans."""
        worker.evictions.log(math.inf)
        services_of(worker.wsgi).stop()

    def child_exit(self, server: Any, worker: Any) -> None:
        """Count a worker that has ended, and merge its counters."""
        setattr(server, ENDED, getattr(server, ENDED, 0) + 1)
        self._metrics.forget(worker.pid)

    def on_exit(self, _server: Any) -> None:
        """Remove the counter files."""
        if os.getpid() == self._master:
            shutil.rmtree(self._counters, ignore_errors=True)


def _workers(server: Any) -> Sequence[WorkerProcess]:
    """Return the workers of an arbiter, which another thread may change meanwhile."""
    return [
        WorkerProcess(pid, _heartbeat(worker), worker.vitals.read())
        for pid, worker in list(server.WORKERS.items())
    ]


def _heartbeat(worker: Any) -> float:
    """Return the time of a worker's last heartbeat; now if the worker has just ended."""
    try:
        heartbeat: float = worker.tmp.last_update()
    except (OSError, ValueError):  # its file is closed
        return time.monotonic()
    return heartbeat
