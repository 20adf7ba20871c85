"""Faults of the processes of the service, of connections, and of callers."""

import signal
import socket
import time
from contextlib import suppress
from random import Random

from tests.support.tokens import token
from tests.support.waiting import wait_until
from tests.tools.history.connection import request
from tests.tools.history.history import Call, CallFailure, Kind
from tests.tools.history.nemesis import Fault
from tests.tools.history.proxy import Mode, Proxy
from tests.tools.history.replicas import Replicas, send
from tests.tools.history.workload import World, user_name

KILL = "kill -9 of a worker"
ROLL = "rolling restart"
STORM = 250
"""Connections that one storm opens."""


def process_faults(replicas: Replicas, world: World) -> list[Fault]:
    """Return the faults of workers and masters."""

    def kill_worker(chance: Random) -> None:
        if pid := replicas.any_worker(chance):
            send(pid, signal.SIGKILL)

    def stop_worker(chance: Random) -> None:
        if pid := replicas.any_worker(chance):
            pause([pid], chance.uniform(0.2, 3))

    def kill_job_worker(_chance: Random) -> None:
        replicas.worker.kill()

    def kill_master(chance: Random) -> None:
        chance.choice(replicas.all).kill_master()

    def until_all_have_called() -> None:
        """Wait until no client keeps a connection to a killed process: its call would be lost."""
        since = time.monotonic()
        wait_until(lambda: world.all_have_called(since), "a client does not call any more")

    def roll(_chance: Random) -> None:
        for replica in replicas.all:
            replica.restart()
            replicas.wait_until_ready()

    return [
        Fault(KILL, kill_worker, often=3),
        Fault("stop and continue a worker", stop_worker),
        Fault("kill -9 of a master", kill_master),
        Fault("kill -9 of the worker of jobs", kill_job_worker),
        Fault(ROLL, roll, prepare=until_all_have_called),
    ]


def proxy_faults(what: str, proxies: list[Proxy]) -> list[Fault]:
    """Return the faults of connections to `what`."""

    def cut(chance: Random) -> None:
        for _ in range(chance.randint(1, 5)):
            chance.choice(proxies).cut()
            time.sleep(chance.uniform(0, 0.2))

    def during(mode: Mode, longest_s: float) -> Fault:
        def inject(chance: Random) -> None:
            proxy = chance.choice(proxies)
            proxy.set(mode)
            time.sleep(chance.uniform(0.1, longest_s))
            proxy.set(Mode.PASS)

        return Fault(f"{mode} connections to {what}", inject)

    return [
        Fault(f"cut connections to {what}", cut, often=2),
        during(Mode.HOLD, 3),
        during(Mode.DELAY, 2),
        during(Mode.REFUSE, 1),
    ]


def hang_up_storm(replicas: Replicas, world: World) -> Fault:
    """Return a fault: many callers connect, send a request, and disconnect."""
    sent_by = token(sub="storm", exp=int(time.time()) + 24 * 60 * 60)

    def inject(chance: Random) -> None:
        open_calls = []
        for number in range(STORM):
            brand, user = world.current(chance), user_name(chance)
            began = time.monotonic()
            with suppress(OSError):
                caller = socket.create_connection(replicas.where(number), 1)
                caller.sendall(request("GET", f"/v1/discount/fetch/{brand}/{user}", sent_by))
                open_calls.append((caller, brand, user, began))
        chance.shuffle(open_calls)
        for caller, brand, user, began in open_calls:
            caller.close()
            call = Call(
                "storm",
                Kind.FETCH,
                brand,
                began,
                time.monotonic(),
                user=user,
                failure=CallFailure.TIMEOUT,
            )
            world.notebook.keep(call)

    return Fault(f"{STORM} callers who hang up", inject)


def pause(pids: list[int], seconds: float, end: signal.Signals = signal.SIGCONT) -> None:
    """Stop processes, and later continue or kill them."""
    for pid in pids:
        send(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in pids:
        send(pid, end)
