"""A listening worker, and clients that connect to it."""

import os
import socket
from contextlib import ExitStack
from selectors import EVENT_READ, DefaultSelector
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from service.observability.exchange import Pseudonyms
from service.observability.request_log import RequestLog
from service.server.accepting import AcceptPause
from service.server.fast_path.calls import FastPathCalls
from service.server.fast_path.tasks import TaskScheduler
from service.server.worker import ServiceWorker
from tests.unit.server.loops import ROOM, Log, turn


@pytest.fixture(params=[False, True], ids=["threads", "fast path"])
def worker(monkeypatch, request):
    """A listening worker with room for a few connections."""
    cfg = Config()
    cfg.set("worker_connections", ROOM)
    cfg.set("threads", 1)
    log = Log()
    metrics = SimpleNamespace(request=lambda *_: None)
    requests = RequestLog(Pseudonyms(lambda: b""), metrics, log)  # type: ignore[arg-type]
    services = SimpleNamespace(
        requests=requests,
        log=log,
        drain=SimpleNamespace(begun=False),
        problems=SimpleNamespace(report=lambda error, _record: log.error("failed", exc_info=error)),
    )
    monkeypatch.setattr("service.server.accepting.services_of", lambda _: services)
    with socket.create_server(("127.0.0.1", 0)) as listener, DefaultSelector() as poller:
        made = ServiceWorker(1, os.getppid(), [listener], None, 30, cfg, log)
        made.wsgi = None
        made._separate = SimpleNamespace(for_request=lambda _: None)  # type: ignore[assignment]  # noqa: SLF001
        made.poller = poller
        made._pause = AcceptPause(log, lambda: None)  # type: ignore[arg-type]  # noqa: SLF001
        made.method_queue.init()
        callbacks = made.method_queue.run_callbacks
        poller.register(made.method_queue.fileno(), EVENT_READ, callbacks)
        made.tpool = made.get_thread_pool()
        if request.param:
            tasks = TaskScheduler(made.method_queue.defer)
            made._fast_path = FastPathCalls(made, tasks, lambda _: True)  # noqa: SLF001
        made.set_accept_enabled(True)
        yield made
        while made.make_room():
            pass
        made.tpool.shutdown()
        made.method_queue.close()
        made.tmp.close()


@pytest.fixture
def connect(worker):
    """Connect a client, send data, and let the worker process it."""
    with ExitStack() as stack:

        def connect(sent=b""):
            client = socket.create_connection(worker.sockets[0].getsockname(), 5)
            stack.enter_context(client).sendall(sent)
            turn(worker)
            return client

        yield connect
