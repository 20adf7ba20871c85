"""Probes as the kubelet asks them, by the figures of the manifest."""

import subprocess
import time
from collections.abc import Callable

import requests

from tests.support.manifests import Manifest
from tests.tools.smoke.podman import Podman

NOT_OK = 400


class Probed:
    """A container with its probes.

    Args:
        podman: Runs it.
        name: What podman calls it.
        container: What the manifest says.
    """

    def __init__(self, podman: Podman, name: str, container: Manifest) -> None:
        self._podman = podman
        self._name = name
        self._container = container
        self._ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    def ask(self, which: str) -> bool:
        """Probe once; no answer within the timeout is a failure."""
        probe = self._container[which]
        return self._how(probe)(probe, probe["timeoutSeconds"])

    def _how(self, probe: Manifest) -> Callable[[Manifest, float], bool]:
        return self._call if "httpGet" in probe else self._run

    def _call(self, probe: Manifest, timeout_s: float) -> bool:
        port, path = self._ports[probe["httpGet"]["port"]], probe["httpGet"]["path"]
        try:
            answer = requests.get(f"http://127.0.0.1:{port}{path}", timeout=timeout_s)
        except requests.RequestException:
            return False
        return answer.status_code < NOT_OK

    def _run(self, probe: Manifest, timeout_s: float) -> bool:
        began = time.monotonic()
        command = ["podman", "exec", self._name, *probe["exec"]["command"]]
        done = subprocess.run(
            command, env=self._podman.environment, capture_output=True, check=False
        )
        return done.returncode == 0 and time.monotonic() - began < timeout_s

    def wait_for(self, which: str, *, timeout_s: float | None = None) -> float:
        """Probe until it succeeds, and return the seconds.

        Raises:
            AssertionError: The kubelet would have given up.
        """
        probe = self._container[which]
        began = time.monotonic()
        timeout_s = timeout_s or probe["periodSeconds"] * probe["failureThreshold"]
        while not self.ask(which):
            log = self._podman("logs", self._name, check=False)
            assert time.monotonic() - began < timeout_s, f"{self._name} fails {which}:\n{log}"
            time.sleep(0.2)
        return time.monotonic() - began
