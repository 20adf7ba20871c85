"""How gunicorn serves the service. What is not obvious says why.

Settings: https://gunicorn.org/reference/settings/
"""

import os
import shutil
import tempfile
from pathlib import Path

# Counters of several processes meet in files; the library wants to know where before it is
# imported. In memory, where there is such a place: they are written on every request.
_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there gets a name of its own
_IN_MEMORY = "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK)
_SHARED = _MEMORY if _IN_MEMORY else Path(tempfile.gettempdir())
_COUNTERS = tempfile.mkdtemp(prefix="discount-metrics-", dir=_SHARED)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _COUNTERS

from prometheus_client import multiprocess  # noqa: E402 - after the variable is set

from service.app import parts_of  # noqa: E402
from service.server import MetricsServer, PipelineLogger, ProblemWorker  # noqa: E402
from service.settings import load_settings  # noqa: E402

_settings = load_settings()
_master = os.getpid()

wsgi_app = "service.wsgi:app"
proc_name = "discount"
bind = (
    f"[{_settings.host}]:{_settings.port}"
    if ":" in _settings.host
    else (f"{_settings.host}:{_settings.port}")
)
workers = _settings.workers  # one by default: SQLite has one writer at a time anyway
threads = _settings.threads
worker_class = ProblemWorker  # gthread: serves what is queued when told to stop; sync resets it
logger_class = PipelineLogger
loglevel = _settings.log_level

preload_app = True  # a mistake shows once and at once, and workers share the code's memory
worker_tmp_dir = str(_SHARED)  # the heartbeat file must never wait for a disk
control_socket_disable = True  # it would be opened under HOME, which may be read-only

timeout = 30  # seconds without a heartbeat until a worker is killed
graceful_timeout = 25  # seconds that accepted requests get on SIGTERM; Kubernetes kills at 30
keepalive = 75  # longer than the idle timeout of the usual load balancer (60 s)
limit_request_line = 8190  # three names of 64, 64 and 128 characters, percent-encoded, and a cursor
limit_request_fields = 64
limit_request_field_size = 8190


def when_ready(server):
    """Serve the metrics from the master."""
    MetricsServer(parts_of(server.app.wsgi()).store, _settings).start()


def child_exit(server, worker):
    """Forget the gauges of a worker that is gone."""
    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    """Take the counters' files away."""
    if os.getpid() == _master:
        shutil.rmtree(_COUNTERS, ignore_errors=True)
