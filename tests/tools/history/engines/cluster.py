"""A Patroni cluster on loopback: etcd, and nodes that fail over with synchronous replication.

Debian's `patroni`, `etcd-server` and `postgresql` must be there.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests

from tests.support.running import free_port
from tests.support.waiting import wait_until
from tests.tools.history.replicas import send

LEASE_S = 6
"""The time in seconds after which another node replaces a silent primary."""
BINARIES = Path("/usr/lib/postgresql")
NEEDED = {"patroni": "patroni", "etcd": "etcd-server"}
"""Commands, and the Debian packages that bring them."""
RECOVERS_WITHIN_S = 90.0
_STANDBYS = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
RULES = {
    "ttl": LEASE_S,
    "loop_wait": 1,
    "retry_timeout": 2,
    "synchronous_mode": True,
    "primary_start_timeout": 0,  # a crashed primary is replaced at once
    "postgresql": {
        "use_pg_rewind": True,
        "remove_data_directory_on_rewind_failure": True,
        "remove_data_directory_on_diverged_timelines": True,
        "parameters": {"wal_log_hints": "on", "max_connections": 100},
    },
}


def missing() -> list[str]:
    """Return the missing Debian packages of a cluster."""
    packages = [package for name, package in NEEDED.items() if not shutil.which(name)]
    return packages if _binaries() else [*packages, "postgresql"]


def _binaries() -> Path | None:
    return max(BINARIES.glob("*/bin"), default=None, key=lambda path: int(path.parent.name))


class Process:
    """A process that only the drill restarts; as root, it runs as another user."""

    def __init__(self, command: list[str | Path], folder: Path) -> None:
        self._command = command
        self._folder = folder
        self._log = folder / f"{Path(command[0]).name}.log"
        self.user = "postgres" if os.geteuid() == 0 else None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.own(folder)
        self._process: subprocess.Popen[bytes] | None = None

    def own(self, path: Path) -> None:
        """Give a file or folder to the user that the process runs as."""
        if self.user:
            shutil.chown(path, self.user, self.user)

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                user=self.user,
                group=self.user,
                cwd=self._folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self._folder), "LC_ALL": "C.UTF-8"},
                stdout=output,
                stderr=output,
            )

    def end(self, how: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(how)
        self._process.wait(60)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid


class Node(Process):
    """Patroni, and the PostgreSQL that it looks after."""

    def __init__(self, folder: Path, etcd: str) -> None:
        super().__init__(["patroni", folder / "patroni.yml"], folder)
        self.name = folder.name
        self.address = ("127.0.0.1", free_port())
        self._rest = f"127.0.0.1:{free_port()}"
        self._data = folder / "data"
        configuration = folder / "patroni.yml"
        configuration.write_text(json.dumps(self._configuration(etcd)))  # JSON is YAML
        self.own(configuration)

    def _configuration(self, etcd: str) -> dict[str, Any]:
        listen = "{}:{}".format(*self.address)
        everybody = "127.0.0.1/32 trust"
        return {
            "scope": "drill",
            "name": self.name,
            "restapi": {"listen": self._rest, "connect_address": self._rest},
            "etcd3": {"host": etcd},
            "bootstrap": {"dcs": RULES, "initdb": [{"encoding": "UTF8"}, {"auth": "trust"}]},
            "postgresql": {
                "listen": listen,
                "connect_address": listen,
                "data_dir": str(self._data),
                "bin_dir": str(_binaries()),
                "pgpass": str(self._folder / "pgpass"),
                "authentication": {
                    role: {"username": "postgres"} for role in ("superuser", "replication")
                },
                "parameters": {"unix_socket_directories": str(self._folder)},
                "pg_hba": [
                    "local all all trust",
                    f"host all all {everybody}",
                    f"host replication all {everybody}",
                ],
            },
        }

    def ask(self, method: str, path: str, content: object = None) -> requests.Response:
        """Ask Patroni's REST API."""
        return requests.request(method, f"http://{self._rest}{path}", json=content, timeout=30)

    def server(self) -> int | None:
        """Return the process id of its PostgreSQL."""
        try:
            return int((self._data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError):
            return None

    def pids(self) -> list[int]:
        """Return the process ids of its PostgreSQL and of all backends."""
        pid = self.server()
        try:
            return [pid, *(child.pid for child in psutil.Process(pid).children())] if pid else []
        except psutil.NoSuchProcess:
            return []

    def lose(self) -> None:
        """Kill the node."""
        server = self.server()
        for pid in [self.pid, *([server] if server else [])]:
            send(pid, signal.SIGKILL)
        self.end(signal.SIGKILL)


class Cluster:
    """Three nodes, and etcd for the lease of the primary."""

    def __init__(self, folder: Path) -> None:
        client, peer = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.etcd = Process(
            [
                *("etcd", "--name", "etcd", "--data-dir", folder / "etcd" / "data"),
                *("--listen-client-urls", f"http://{client}"),
                *("--advertise-client-urls", f"http://{client}"),
                *("--listen-peer-urls", f"http://{peer}"),
                *("--initial-advertise-peer-urls", f"http://{peer}"),
                *("--initial-cluster", f"etcd=http://{peer}"),
            ],
            folder / "etcd",
        )
        self.nodes = [Node(folder / f"node{number}", client) for number in range(3)]

    @property
    def url(self) -> str:
        """The URL of the primary, wherever it is."""
        hosts = ",".join(f"{host}:{port}" for host, port in (node.address for node in self.nodes))
        return f"postgresql://postgres@{hosts}/discount?target_session_attrs=read-write"

    def connect(self, database: str = "discount") -> psycopg.Connection[Any]:
        """Connect to the primary."""
        return psycopg.connect(self.url, dbname=database, autocommit=True, connect_timeout=2)

    def primary(self) -> Node:
        """Return the node that holds the lease."""
        return self._node("/primary")

    def standby(self) -> Node:
        """Return the synchronous standby."""
        return self._node("/synchronous")

    def _node(self, role: str) -> Node:
        """Return the node with a role, as soon as there is one."""
        found: list[Node] = []

        def find() -> bool:
            for node in self.nodes:
                with suppress(requests.RequestException):
                    if node.ask("GET", role).ok:
                        found.append(node)
                        return True
            return False

        wait_until(find, f"no node is {role}", RECOVERS_WITHIN_S)
        return found[0]

    def wait_for_standbys(self, count: int) -> None:
        """Wait until there are so many nodes, and commits are synchronous."""

        def there() -> bool:
            try:
                with self.connect("postgres") as connection:
                    rows = connection.execute(_STANDBYS).fetchall()
            except psycopg.Error:
                return False
            return len(rows) >= count and ("sync",) in rows

        wait_until(there, f"there are no {count} standbys", RECOVERS_WITHIN_S)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Run a cluster with its data below this folder."""
    cluster = Cluster(folder)
    with ExitStack() as stack:
        for process in [cluster.etcd, *cluster.nodes]:
            process.start()
            stack.callback(process.end, signal.SIGTERM)
        cluster.wait_for_standbys(len(cluster.nodes) - 1)
        yield cluster
