"""PostgreSQL that fails over: a Patroni cluster, and the faults of its nodes.

What a node does that lost its lease, and does not know it, is not drilled: nothing but a watchdog
(https://patroni.readthedocs.io/en/latest/watchdog.html) keeps such a node from answering reads. So
a node that is stopped for longer than its lease is killed here, as the watchdog would.
"""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from tests.tools.history.engines.cluster import LEASE_S, Cluster, running_cluster
from tests.tools.history.faults import pause
from tests.tools.history.nemesis import Fault
from tests.tools.history.replicas import send


class Patroni:
    """A cluster, which the service reaches by the addresses of all nodes."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @property
    def url(self) -> str:
        return self.cluster.url

    @property
    def settings(self) -> dict[str, str]:
        return {"DISCOUNT_DATABASE_URL": self.url}

    def connect(self) -> psycopg.Connection[Any]:
        return self.cluster.connect()

    def faults(self) -> Sequence[Fault]:
        return [
            Fault(name, partial(self._inject, inject), often) for name, inject, often in _FAULTS
        ]

    def _inject(self, inject: Callable[[Cluster, Random], None], chance: Random) -> None:
        """Inject a fault, and wait until the cluster can take the next."""
        inject(self.cluster, chance)
        time.sleep(1)
        self.cluster.wait_for_standbys(1)


def _kill_server(cluster: Cluster, _chance: Random) -> None:
    send(cluster.primary().pids()[0], signal.SIGKILL)


def _kill_backend(cluster: Cluster, chance: Random) -> None:
    send(chance.choice(cluster.primary().pids()[1:]), signal.SIGKILL)


def _lose_primary(cluster: Cluster, chance: Random) -> None:
    node = cluster.primary()
    node.lose()
    time.sleep(chance.uniform(0, LEASE_S))
    node.start()


def _lose_standby(cluster: Cluster, chance: Random) -> None:
    node = cluster.standby()
    node.lose()
    time.sleep(chance.uniform(0, LEASE_S))
    node.start()


def _outstay_lease(cluster: Cluster, chance: Random) -> None:
    node = cluster.primary()
    pids = [node.pid, *node.pids()]
    pause(pids, chance.uniform(LEASE_S, LEASE_S + 3), signal.SIGKILL)
    node.end(signal.SIGKILL)
    node.start()


def _stop_primary(cluster: Cluster, chance: Random) -> None:
    pause(cluster.primary().pids(), chance.uniform(0.2, LEASE_S / 3))


def _stop_standby_then_lose_primary(cluster: Cluster, chance: Random) -> None:
    """Commits wait for a silent standby, which is then replaced."""
    primary, standby = cluster.primary(), cluster.standby()
    stopped = standby.pids()
    for pid in stopped:
        send(pid, signal.SIGSTOP)
    time.sleep(chance.uniform(0.2, LEASE_S))
    primary.lose()
    pause(stopped, chance.uniform(0, 2))
    primary.start()


def _switch_over(cluster: Cluster, _chance: Random) -> None:
    primary = cluster.primary()
    names = {"leader": primary.name, "candidate": cluster.standby().name}
    primary.ask("POST", "/switchover", names)


def _stop_etcd(cluster: Cluster, chance: Random) -> None:
    pause([cluster.etcd.pid], chance.uniform(0.5, LEASE_S + 3))


_FAULTS: tuple[tuple[str, Callable[[Cluster, Random], None], int], ...] = (
    ("kill -9 of the primary's PostgreSQL", _kill_server, 1),
    ("kill -9 of a backend of the primary", _kill_backend, 1),
    ("loss of the primary", _lose_primary, 2),
    ("loss of the synchronous standby", _lose_standby, 1),
    ("stop of the primary beyond its lease", _outstay_lease, 1),
    ("stop and continue the primary", _stop_primary, 1),
    ("stop of the standby, loss of the primary", _stop_standby_then_lose_primary, 1),
    ("switchover", _switch_over, 2),
    ("stop and continue etcd", _stop_etcd, 1),
)


@contextmanager
def patroni(folder: Path) -> Iterator[Patroni]:
    """Run a cluster with its data below this folder."""
    folder.chmod(0o755)  # it runs as a separate user
    with running_cluster(folder) as cluster:
        with cluster.connect("postgres") as connection:
            connection.execute("CREATE DATABASE discount")
        yield Patroni(cluster)
