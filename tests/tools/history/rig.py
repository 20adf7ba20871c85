"""A drill: an engine, replicas, clients and a nemesis, which produce a history."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from click.testing import CliRunner

from service.cli import main
from tests.support.running import environment
from tests.support.waiting import wait_until
from tests.tools.history.checkout_recorder import CheckoutRecorder
from tests.tools.history.engines.engine import Engine, read
from tests.tools.history.faults import ROLL, hang_up_storm, process_faults, proxy_faults
from tests.tools.history.history import Disturbance, History
from tests.tools.history.nemesis import Fault, Nemesis
from tests.tools.history.replicas import SERVE, WORK, Replicas, Start, serving
from tests.tools.history.workload import Client, Notebook, World, audit, brand_name, stop

STOP_WITHIN_S = 60.0
AFTERWARDS = 5
"""The number of calls of each client that are answered after the last fault."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a drill."""

    seed: str
    seconds: float
    rest_s: float
    """Mean pause between two faults, in seconds."""
    only: tuple[str, ...] = ()
    """The names of the faults to inject; all, if empty."""
    faults: int = 0
    """The least number of faults."""
    most: int = sys.maxsize
    """The largest number of faults."""
    calls: int = 0
    """The least number of answers."""
    clients: int = 16
    short_timeouts: int = 4
    """The number of clients with short timeouts."""
    pause_s: float = 0.0
    """A client's pause between two calls, in seconds."""
    replicas: int = 2
    serve: Start = SERVE
    """The command that starts a replica."""
    work: Start = WORK
    """The command that starts the worker."""
    audited: int = 40
    """The number of brands whose users are asked in the end; SQL covers all brands."""


@dataclass(frozen=True, slots=True)
class Drilled:
    """The result of a drill."""

    history: History
    disturbances: list[Disturbance]
    verify: str
    """The findings of `discount verify`; empty for none."""


def drill(engine: Engine, folder: Path, plan: Plan) -> Drilled:
    """Run clients and the nemesis, then read the final state.

    Raises:
        AssertionError: Something did not recover, or hangs.
    """
    notebook = Notebook()
    world = World(notebook)
    with (
        serving(folder, plan.replicas, engine.settings, plan.serve, plan.work) as replicas,
        (folder / "nemesis.log").open("a", buffering=1) as log,
    ):
        faults = _faults(engine, replicas, world)
        if plan.only:
            faults = [fault for fault in faults if fault.name in plan.only]
        nemesis = Nemesis(faults, plan.seed, plan.rest_s, log.write, plan.most)
        clients = [
            Client(
                f"client{number}",
                partial(replicas.where, number),
                world,
                f"{plan.seed}/{number}",
                short_timeouts=number < plan.short_timeouts,
                pause_s=plan.pause_s,
            )
            for number in range(plan.clients)
        ]
        world.clients |= {client.name for client in clients}
        with _under_way(nemesis, clients):
            _watch(nemesis, clients, notebook, plan)
            nemesis.stop()
            replicas.wait_until_ready()
            answered = _answered(notebook) + AFTERWARDS * len(clients)
            wait_until(lambda: _answered(notebook) >= answered)
            stop(clients, STOP_WITHIN_S)
        auditor = CheckoutRecorder("auditor", partial(replicas.where, 0), notebook.keep)
        audit(auditor, _some(world, plan))
        auditor.close()
        verify = _verify(folder, engine)
    rolls = tuple(done for done in nemesis.done if done.name == ROLL)
    with closing(engine.connect()) as connection:
        history = History(notebook.calls, *read(connection.execute), rolls)
    return Drilled(history, nemesis.done, verify)


@contextmanager
def _under_way(nemesis: Nemesis, clients: list[Client]) -> Iterator[None]:
    """Start all threads, and end them with the block."""
    threads: list[Client | Nemesis] = [*clients, nemesis]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.stopped.set()
        for thread in threads:
            thread.join(STOP_WITHIN_S)


def _faults(engine: Engine, replicas: Replicas, world: World) -> list[Fault]:
    return [
        *process_faults(replicas, world),
        *proxy_faults("the service", replicas.proxies),
        hang_up_storm(replicas, world),
        *engine.faults(),
    ]


def _watch(nemesis: Nemesis, clients: list[Client], notebook: Notebook, plan: Plan) -> None:
    """Wait for the end, as long as all threads work."""
    deadline = time.monotonic() + plan.seconds
    while (
        time.monotonic() < deadline
        or len(nemesis.done) < plan.faults
        or _answered(notebook) < plan.calls
    ):
        time.sleep(0.2)
        assert nemesis.error is None, nemesis.error
        for client in clients:
            assert client.error is None, client.error


def _answered(notebook: Notebook) -> int:
    return sum(call.done for call in notebook.calls)


def _some(world: World, plan: Plan) -> list[str]:
    """Return brands for final calls: a sample, and always the last, which was interrupted."""
    numbers = range(world.newest() + 1)
    chance = Random(plan.seed)  # noqa: S311 - a sample
    sample = chance.sample(numbers, min(plan.audited, len(numbers)))
    return [brand_name(number) for number in {*sample, numbers[-1]}]


def _verify(folder: Path, engine: Engine) -> str:
    env = environment(folder, **(engine.settings | {"DISCOUNT_DATABASE_URL": engine.url}))
    done = CliRunner().invoke(main, ["verify"], env=env)
    return done.output if done.exit_code else ""
