"""Faults of processes, and of the services beside them."""

import os
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress

import requests

from tests.support.running import SERVE, Running, end
from tests.support.tokens import bearer
from tests.tools.monitoring.faults.registry import fault
from tests.tools.monitoring.faults.storage import sqlite
from tests.tools.monitoring.scene import Scene
from tests.tools.monitoring.stack import until
from tests.tools.monitoring.traffic import Callers

C = "/v1/brands/jobs/campaigns/default"


@fault("the token issuer is down")
def _no_issuer(scene: Scene) -> Iterator[None]:
    """The keys are fetched every 5 minutes; who comes with an unknown key makes it sooner."""
    scene.around.issuer_down.close()
    scene.around.issuer.jwk("k2")
    with Callers(scene.on_postgresql, scene.around.issuer.bearer("k2"), number=1, pause_s=1.0):
        yield


@fault("worker processes are killed repeatedly")
def _kills(scene: Scene) -> Iterator[None]:
    for _ in range(3):
        killed = scene.on_sqlite.workers
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        until(
            lambda killed=killed: len(scene.on_sqlite.workers - killed) == 2,  # type: ignore[misc]
            "gunicorn does not replace its workers",
        )
    yield


@fault("the server is killed and not restarted")
def _down(scene: Scene) -> Iterator[None]:
    scene.on_sqlite.process.kill()
    yield


@fault("no job worker runs")
def _no_worker(scene: Scene) -> Iterator[None]:
    url = f"{scene.on_small_disk.url}{C}/jobs"
    body = {"kind": "generate", "count": 10}
    requests.post(url, json=body, headers=bearer(), timeout=20).raise_for_status()
    yield


@fault("the log is unwritable from time to time")
def _no_log(scene: Scene) -> Iterator[None]:
    """A limit of the size of files, which a worker beside PostgreSQL meets in its log alone."""
    over = threading.Event()

    def limit(size: int) -> None:
        for pid in scene.on_locked.workers:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def now_and_then() -> None:
        while not over.is_set():
            limit(1)
            over.wait(2 * scene.pace_s)
            limit(resource.RLIM_INFINITY)
            over.wait(2 * scene.pace_s)

    thread = threading.Thread(target=now_and_then)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)
        limit(resource.RLIM_INFINITY)


@fault("worker processes are stopped and hang")
def _hang(scene: Scene) -> Iterator[None]:
    """Each new one as well, as it would with a cause that remains."""
    over = threading.Event()

    def stop() -> None:
        while not over.wait(0.2):
            for pid in scene.on_mounted.workers:
                _signal(pid, signal.SIGSTOP)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for pid in scene.on_mounted.workers:
            _signal(pid, signal.SIGCONT)


@fault("fresh servers get no keys")
def _no_keys(scene: Scene) -> Iterator[None]:
    """The issuer is down, and a server starts: it has never had any key."""
    service = scene.on_quiet
    scene.around.quiet_issuer_down.close()
    end(service.process)
    with service.log.open("ab") as log:
        fresh = subprocess.Popen(SERVE, env=service.environment, stdout=log, stderr=log)
    try:
        until(lambda: _answers_probes(service), "the fresh server does not listen")
        yield
    finally:
        end(fresh)


@fault("Redis is stopped")
def _no_redis(scene: Scene) -> Iterator[None]:
    scene.around.redis.stop()
    yield
    scene.around.redis.start()


@fault("the collector of traces is down")
def _no_collector(scene: Scene) -> Iterator[None]:
    scene.around.collector_down.close()
    yield


@fault("a library leaks memory")
def _leak(scene: Scene) -> Iterator[None]:
    scene.around.leak.touch()
    yield
    scene.around.leak.unlink()


@fault("a job worker hangs")
def _stopped_worker(scene: Scene) -> Iterator[None]:
    """It has a job, and does nothing."""
    jobs = f"{scene.on_sqlite.url}{C}/jobs"
    body = {"kind": "generate", "count": 1_000_000}
    found = requests.post(jobs, json=body, headers=bearer(), timeout=20)
    found.raise_for_status()
    job = f"{jobs}/{found.json()['id']}"

    def state() -> str:
        return str(requests.get(job, headers=bearer(), timeout=20).json()["state"])

    until(lambda: state() == "running", "no worker takes the job")
    scene.jobs.send_signal(signal.SIGSTOP)
    yield
    scene.jobs.send_signal(signal.SIGCONT)
    requests.delete(job, headers=bearer(), timeout=20).raise_for_status()


@fault("a job kills its workers")
def _deadly_job(scene: Scene) -> Iterator[None]:
    """Five have died already, as the table of jobs has it."""
    service, worker = scene.on_sqlite, scene.jobs
    worker.send_signal(signal.SIGSTOP)
    body = {"kind": "generate", "count": 10}
    url = f"{service.url}{C}/jobs"
    requests.post(url, json=body, headers=bearer(), timeout=20).raise_for_status()
    with sqlite(service.environment["DISCOUNT_DATABASE_URL"]) as database:
        database.execute("UPDATE job SET attempts = 5 WHERE state = 'queued'")
    worker.send_signal(signal.SIGCONT)
    yield


def _answers_probes(service: Running) -> bool:
    with suppress(requests.ConnectionError):
        return not requests.get(f"{service.url}/readyz", timeout=10).ok
    return False


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
