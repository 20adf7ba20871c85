"""How gunicorn serves the service. What is not obvious says why.

Settings: https://gunicorn.org/reference/settings/
"""

import gc
import os
import shutil
import signal
import sys
import threading

gc.disable()  # what imports make is no garbage: looking for it takes a quarter of them

from service.observability.counter_files import make_folder, shared_memory  # noqa: E402

_COUNTERS = make_folder()  # before anything imports prometheus-client

from prometheus_client import multiprocess  # noqa: E402

from service.app import parts_of  # noqa: E402
from service.observability.exposition import MetricsServer  # noqa: E402
from service.observability.metrics import BuildCollector, WorkerCollector  # noqa: E402
from service.observability.reserved_counters import reserve_counters  # noqa: E402
from service.observability.sampling import keep_sampling  # noqa: E402
from service.observability.state import KeysCollector, StoreCollector, StoreWatch  # noqa: E402
from service.server import open_files  # noqa: E402
from service.server.pipeline_logger import PipelineLogger  # noqa: E402
from service.server.worker import ServiceWorker  # noqa: E402
from service.settings import SettingsError, load_settings  # noqa: E402
from service.store.status import SQLStatus  # noqa: E402

gc.enable()
reserve_counters()

ENDED = "workers_ended"
"""Where the arbiter keeps how many workers have ended; this file is read again on SIGHUP."""

_settings = load_settings()
_master = os.getpid()


try:
    _connections = open_files.connections(_settings)
except SettingsError as error:
    sys.exit(f"discount: {error}")
open_files.allow()

wsgi_app = "service.wsgi:app"
proc_name = "discount"
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = f"{_host}:{_settings.port}"
workers = _settings.workers  # one by default: SQLite has one writer at a time anyway
threads = _settings.threads
worker_class = ServiceWorker  # gthread: serves what is queued when told to stop; sync resets it
logger_class = PipelineLogger
loglevel = _settings.log_level

preload_app = True  # a mistake shows once and at once, and workers share the code's memory
worker_tmp_dir = str(shared_memory())  # the heartbeat file must never wait for a disk
control_socket_disable = True  # it would be opened under HOME, which may be read-only
forwarded_allow_ips = ""  # no header of a caller or a proxy changes what is served
forwarder_headers = ""

timeout = 30  # seconds without a heartbeat until a worker is killed
graceful_timeout = 25  # seconds that accepted requests get after the drain
worker_connections = _connections  # idle ones cost a file each, and no thread
keepalive = 75  # longer than the idle timeout of the usual load balancer (60 s)
limit_request_line = 8190  # three names of 64, 64 and 128 characters, percent-encoded, and a cursor
limit_request_fields = 64
limit_request_field_size = 8190


def when_ready(server):
    """Serve the metrics from the master, and let it drain before it stops."""
    parts = parts_of(server.app.wsgi())
    status = SQLStatus(parts.database, _settings.metrics_pools)
    watch = StoreWatch(status, parts.log)
    collectors = [
        StoreCollector(watch.look, status.wanted_revision()),
        KeysCollector(parts.keyring.stale_s),
        BuildCollector(),
        WorkerCollector(lambda: tuple(server.WORKERS), lambda: getattr(server, ENDED, 0)),
    ]
    MetricsServer(_settings, watch, collectors, parts.log, parts.metrics.log_lines).start()
    _drain_first(server, parts.drain, parts.log)
    gc.collect()
    gc.freeze()  # what workers inherit stays: their collectors neither look at it nor write to it


def _drain_first(server, drain, log):
    """Before gunicorn closes its listeners on SIGTERM, say "not ready" for a while.

    A second SIGTERM, also from whoever has lost patience, stops at once.
    """
    stop = server.handle_term

    def handle_term():
        if drain.begun or not _settings.drain_s:
            return stop()
        drain.begin()
        log.info("draining", seconds=_settings.drain_s)
        again = threading.Timer(_settings.drain_s, os.kill, (_master, signal.SIGTERM))
        again.daemon = True
        return again.start()

    server.handle_term = handle_term


def post_worker_init(worker):
    """Fetch keys before the first caller needs them; the master's threads do not come along."""
    parts = parts_of(worker.wsgi)
    parts.keyring.start()
    parts.readiness.start()
    keep_sampling(
        parts.metrics,
        lambda: (parts.database.waiting_writes, *parts.database.connections),
        parts.log,
    )
    parts.store.vain.keep_writing()
    if parts.tracing:
        parts.tracing.start()
    if _settings.rate_limit_storage_url is None:  # the loop must not wait for Redis
        worker.answer_plain_calls()


def worker_exit(server, worker):
    """Send the last traces."""
    parts = parts_of(worker.wsgi)
    if parts.tracing:
        parts.tracing.stop()


def child_exit(server, worker):
    """Forget the gauges of a worker that is gone, and count it."""
    setattr(server, ENDED, getattr(server, ENDED, 0) + 1)
    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    """Take the counters' files away."""
    if os.getpid() == _master:
        shutil.rmtree(_COUNTERS, ignore_errors=True)
