"""Replicas of the service with one database, and signals to their processes."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from random import Random
from typing import IO

import psutil

from service.cli.serving import SERVER
from tests.support.forked import Forked
from tests.support.running import DISCOUNT, START_WITHIN_S, environment
from tests.support.tables import make_tables
from tests.support.waiting import wait_until
from tests.tools.history.connection import Address, CallError, Connection
from tests.tools.history.history import CallFailure
from tests.tools.history.proxy import Proxy, proxying

Process = subprocess.Popen[bytes] | Forked
Start = Callable[[Mapping[str, str], IO[bytes]], Process]
"""Starts a replica with this environment and output."""
POLL_INTERVAL_S = 0.1
DRAIN_S = 2.5
ERASURE_KEY = "the key of all replicas for tombstones"
READYZ = b"GET /readyz HTTP/1.1\r\nHost: drill\r\nConnection: close\r\n\r\n"


def command(*words: str | Path) -> Start:
    """Return how a replica is started as an interpreter of its own."""

    def start(env: Mapping[str, str], output: IO[bytes]) -> Process:
        return subprocess.Popen(words, env=env, stdout=output, stderr=output)

    return start


def forked(env: Mapping[str, str], output: IO[bytes]) -> Process:
    """Start a replica without the seconds that an interpreter of its own would import for."""
    return Forked(["serve"], env, output, output)


def forked_worker(env: Mapping[str, str], output: IO[bytes]) -> Process:
    """Start a worker in the same way."""
    return Forked(["worker"], env, output, output)


SERVE = command(DISCOUNT, "serve")
WORK = command(DISCOUNT, "worker")
RACY = command(*SERVER, "tests.tools.history.racy:app")
"""The application whose violations the checker must find."""


class State(IntEnum):
    """The state of a replica as a balancer knows it; more is better."""

    DOWN = 0
    UNREADY = 1
    READY = 2


class Replica:
    """A gunicorn master with its workers, which is restarted when it dies."""

    def __init__(self, folder: Path, number: int, settings: dict[str, str], serve: Start) -> None:
        self.serve = serve
        self.environment = environment(
            folder, DISCOUNT_DRAIN_S=str(DRAIN_S), DISCOUNT_ERASURE_KEY=ERASURE_KEY, **settings
        )
        self.address: Address = ("127.0.0.1", int(self.environment["PORT"]))
        self.log = folder / f"replica-{number}.log"
        self.state = State.DOWN
        self._process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.begin()
        self.wait_until_ready()

    def begin(self) -> None:
        """Start it."""
        with self.log.open("ab") as output:
            self._process = self.serve(self.environment, output)

    def wait_until_ready(self) -> None:
        """Wait until it is ready."""

        def asked() -> bool:
            self.ask()
            return self.ready

        wait_until(asked, f"{self.log} does not get ready")

    def ask(self, timeout: float = 1.0) -> None:
        """Query `/readyz`; without an answer in time, the state stays."""
        connection = Connection(self.address)
        try:
            ready = connection.call(READYZ, timeout).status == 200
            self.state = State.READY if ready else State.UNREADY
        except CallError as error:
            if error.failure is not CallFailure.TIMEOUT:
                self.state = State.DOWN
        connection.close()

    @property
    def ready(self) -> bool:
        return self.state is State.READY

    def workers(self) -> list[int]:
        """Return the process ids of its workers."""
        with suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(self.process.pid).children()]
        return []

    @property
    def process(self) -> Process:
        assert self._process, "it was never started"
        return self._process

    def kill_master(self) -> None:
        """Kill the master, whose workers notice and end, and restart it."""
        self.process.kill()
        self.process.wait()
        wait_until(lambda: not self._listens(), f"the workers of {self.log} do not go")
        self.start()

    def restart(self) -> None:
        """Stop it as an operator does, and restart it."""
        self.process.terminate()
        self.process.wait(START_WITHIN_S)
        self.start()

    def request_stop(self) -> None:
        """Send SIGTERM twice, which stops without draining."""
        for _ in range(2):
            self.process.terminate()
            time.sleep(0.05)

    def stop(self) -> None:
        """Wait until it ends, and kill it in the end."""
        try:
            self.process.wait(START_WITHIN_S)
        finally:
            self.process.kill()
            self.process.wait()

    def _listens(self) -> bool:
        try:
            socket.create_connection(self.address, 1).close()
        except OSError:
            return False
        return True


class Worker:
    """The worker beside the replicas, which lets codes lapse; it is restarted when it dies."""

    def __init__(self, folder: Path, settings: dict[str, str], work: Start) -> None:
        self._start, self._log = work, folder / "worker.log"
        self._environment = environment(folder, **settings)
        self._process = self._started()

    def _started(self) -> Process:
        with self._log.open("ab") as output:
            return self._start(self._environment, output)

    def kill(self) -> None:
        """Kill it, and start another."""
        self.stop()
        self._process = self._started()

    def stop(self) -> None:
        """Kill it: nothing of it may need an end of its own."""
        self._process.kill()
        self._process.wait()


class Replicas:
    """Several replicas behind proxies, and a balancer that observes `/readyz`."""

    def __init__(self, replicas: list[Replica], proxies: list[Proxy], worker: Worker) -> None:
        self.all = replicas
        self.worker = worker
        self.proxies = proxies
        self._stopped = threading.Event()

    def where(self, client: int) -> Address:
        """Return the address that this client should call; every second one has a proxy between.

        A client stays with its replica unless another is in a better state.
        """
        count = len(self.all)
        mine = client // 2 % count
        choices = [number % count for number in range(mine, mine + count)]
        best = max(choices, key=lambda number: self.all[number].state)
        return self.proxies[best].address if client % 2 else self.all[best].address

    def watch(self, replica: Replica) -> None:
        """Poll the readiness of a replica."""
        while not self._stopped.wait(POLL_INTERVAL_S):
            replica.ask()

    def stop_watching(self) -> None:
        self._stopped.set()

    def wait_until_ready(self) -> None:
        wait_until(lambda: all(one.ready for one in self.all), "a replica does not get ready again")

    def any_worker(self, chance: Random) -> int | None:
        """Return the process id of a worker."""
        workers = [pid for replica in self.all for pid in replica.workers()]
        return chance.choice(workers) if workers else None


def send(pid: int, signal_number: signal.Signals) -> None:
    """Send a signal to a process, which may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal_number)


@contextmanager
def serving(
    folder: Path, count: int, settings: dict[str, str], serve: Start = SERVE, work: Start = WORK
) -> Iterator[Replicas]:
    """Create the tables, and run replicas with a worker."""
    make_tables(environment(folder, **settings))
    with ExitStack() as stack:
        worker = Worker(folder, settings, work)
        stack.callback(worker.stop)
        replicas = [Replica(folder, number, settings, serve) for number in range(count)]
        proxies = [stack.enter_context(proxying(replica.address)) for replica in replicas]
        for replica in replicas:
            replica.begin()
            stack.callback(replica.stop)
        for replica in replicas:
            stack.callback(replica.request_stop)
        for replica in replicas:
            replica.wait_until_ready()
        together = Replicas(replicas, proxies, worker)
        for replica in replicas:
            watcher = threading.Thread(target=together.watch, args=[replica], daemon=True)
            watcher.start()
            stack.callback(watcher.join, 10)
        stack.callback(together.stop_watching)
        yield together
