"""The configuration of gunicorn: `gunicorn --config python:service.server.configuration`.

Settings: https://gunicorn.org/reference/settings/
"""

import gc

gc.disable()  # imports make no garbage, and collections take a quarter of their time

from service.observability.metrics.counter_files import make_folder, shared_memory  # noqa: E402

_COUNTERS = make_folder()  # before anything imports prometheus-client

from service.observability.messages import exit_with  # noqa: E402
from service.observability.metrics.reserved_counters import reserve_counters  # noqa: E402
from service.server import open_files  # noqa: E402
from service.server.hooks import Hooks  # noqa: E402
from service.server.pipeline_logger import PipelineLogger  # noqa: E402
from service.server.worker import ServiceWorker  # noqa: E402
from service.settings import SettingsError, load_settings  # noqa: E402

gc.enable()
reserve_counters()

try:
    _settings = load_settings()
    _connections = open_files.connections(_settings)
except SettingsError as error:
    exit_with(str(error))
open_files.allow()

wsgi_app = "service.wsgi:app"
proc_name = "discount"
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = f"{_host}:{_settings.port}"
workers = _settings.workers  # one by default: SQLite has a single writer anyway
threads = _settings.threads
worker_class = ServiceWorker  # gthread serves queued requests on stop; sync resets them
logger_class = PipelineLogger
loglevel = _settings.log_level

preload_app = True  # errors show immediately, and workers share memory
worker_tmp_dir = str(shared_memory())  # the heartbeat must never wait for a disk
control_socket_disable = True  # it would be under HOME, which may be read-only
forwarded_allow_ips = ""  # no header of a caller or proxy has an effect
forwarder_headers = ""

timeout = 30  # seconds without a heartbeat until a worker is killed
graceful_timeout = 25  # seconds that accepted requests get after the drain
backlog = 4096  # new connections that the kernel queues; Linux allows so many (somaxconn)
worker_connections = _connections  # an idle one costs a file, and no thread
keepalive = 75  # longer than the idle timeout of the usual load balancer (60 s)
limit_request_line = 8190  # three names of 64, 64 and 128 characters, percent-encoded, and a cursor
limit_request_fields = 64
limit_request_field_size = 8190

_hooks = Hooks(_settings, _COUNTERS)
when_ready = _hooks.when_ready
post_worker_init = _hooks.post_worker_init
worker_exit = _hooks.worker_exit
child_exit = _hooks.child_exit
on_exit = _hooks.on_exit
