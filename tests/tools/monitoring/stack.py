"""A real Prometheus and a real Alertmanager, with the configuration of the repository."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import requests
import yaml

from service.settings import HOME
from tests.support.running import free_port
from tests.tools.monitoring import rules

CONFIG = HOME / "config/prometheus"
CHECK_TIMEOUT_S = 30


class Target(NamedTuple):
    """What is scraped."""

    namespace: str
    job: str
    """A name of its own."""
    address: str
    """Host and port."""


@dataclass(frozen=True)
class Stack:
    """Where the two are."""

    prometheus: str
    alertmanager: str

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return what a query finds now."""
        return self._ask("query", {"query": expr})

    def query_range(self, expr: str, begin: float, end: float) -> list[dict[str, Any]]:
        """Return what a query finds at any second between two moments (Unix time)."""
        asked = {"query": expr, "start": str(begin), "end": str(end), "step": "1s"}
        return self._ask("query_range", asked)

    def _ask(self, how: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.prometheus}/api/v1/{how}", parameters, timeout=20)
        assert answer.ok, f"{parameters['query']}: {answer.text}"
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that Alertmanager would send."""
        wanted = {"active": "true", "inhibited": "false"}
        answer = requests.get(f"{self.alertmanager}/api/v2/alerts", wanted, timeout=20)
        found: list[dict[str, Any]] = answer.json()
        return found


@contextmanager
def monitoring(
    folder: Path,
    targets: Sequence[Target] | None = None,
    factor: float = 1,
    pace_s: float = 15,
    ports: tuple[int, int] | None = None,
) -> Iterator[Stack]:
    """Run both until the block is left.

    Args:
        folder: Where they keep their data and their configuration.
        targets: What to scrape; `None`: what the configuration says.
        factor: How many times shorter every time in the rules is.
        pace_s: How often to scrape and to look at the rules.
        ports: Where Prometheus and Alertmanager listen, by default anywhere.
    """
    ports = ports or (free_port(), free_port())
    rules.write(folder / "rules.yml", factor)
    config = yaml.safe_load((CONFIG / "prometheus.yml").read_text())
    pace = f"{round(pace_s * 1000)}ms"
    config["global"] = {
        "scrape_interval": pace,
        "scrape_timeout": pace,
        "evaluation_interval": pace,
    }
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [
        f"127.0.0.1:{ports[1]}"
    ]
    if targets is not None:
        config["scrape_configs"] = [
            {
                "job_name": f"{target.job}",
                "static_configs": [
                    {"targets": [target.address], "labels": {"namespace": target.namespace}}
                ],
            }
            for target in targets
        ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    commands = (
        ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus"],
        [
            "prometheus-alertmanager",
            f"--config.file={CONFIG}/alertmanager.yml",
            "--storage.path=alertmanager",
            "--cluster.listen-address=",
        ],
    )
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    with ExitStack() as stack:
        for command, port, url in zip(commands, ports, urls, strict=True):
            listen = [*command, f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
            log = stack.enter_context((folder / f"{command[0]}.log").open("wb"))
            process = subprocess.Popen(listen, cwd=folder, stdout=log, stderr=log)
            stack.callback(process.kill)
            stack.callback(process.wait, CHECK_TIMEOUT_S)
            stack.callback(process.terminate)
            until(partial(_is_ready, url), f"{command[0]}: see {log.name}")
        yield Stack(*urls)


def until(condition: Callable[[], object], what: str, within_s: float = CHECK_TIMEOUT_S) -> None:
    """Wait for something to become true.

    Raises:
        AssertionError: It did not in time; says `what`.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.25)


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def main() -> None:
    """Watch the service on this machine until Ctrl-C."""
    folder = HOME / "var/monitoring"
    folder.mkdir(parents=True, exist_ok=True)
    with monitoring(folder, ports=(9090, 9093)) as stack:
        sys.stdout.write(f"Prometheus:   {stack.prometheus}\nAlertmanager: {stack.alertmanager}\n")
        sys.stdout.flush()
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
