"""`podman play kube`: rendered manifests as containers, in a store of their own."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.support.manifests import Manifest

CONTAINERS = """
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
"""
STORAGE = """
[storage]
driver = "{driver}"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""
GROUP, MODE = 10001, 0o440
"""Of fsGroup, and defaultMode."""
TAKEN = ("startupProbe", "livenessProbe", "readinessProbe", "ports")


class Podman:
    """Podman as root, without systemd, with its images and containers below a folder.

    Args:
        folder: Where they are; images stay there for the next time.
        driver: `overlay`, or `vfs` where overlays cannot be mounted.
    """

    def __init__(self, folder: Path, driver: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "containers.conf").write_text(CONTAINERS)
        (folder / "storage.conf").write_text(STORAGE.format(driver=driver, folder=folder))
        self.environment = {
            **os.environ,
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        }

    def __call__(self, *arguments: str, given: str = "", check: bool = True) -> str:
        """Run a command of podman's and return what it says.

        Raises:
            AssertionError: It failed.
        """
        done = subprocess.run(
            ["podman", *arguments],  # noqa: S607 - whichever is installed
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert not check or done.returncode == 0, f"podman {arguments}: {done.stderr}"
        output = done.stdout + done.stderr if arguments[0] == "logs" else done.stdout
        return output.strip()

    def container(self, deployment: str, name: str) -> str:
        """Return podman's name of a container of a Deployment, which depends on its version."""
        names = self("ps", "--all", "--format", "{{.Names}}").splitlines()
        (found,) = (n for n in names if re.fullmatch(rf"{deployment}-pod(-0)?-{name}", n))
        return found

    def inspect(self, container: str) -> dict[str, Any]:
        """Return the description of a container."""
        (found,) = json.loads(self("container", "inspect", container))
        assert isinstance(found, dict)
        return found

    def exec(self, container: str, *command: str, check: bool = True) -> str:
        """Run a command in a container."""
        return self("exec", container, *command, check=check)

    @contextmanager
    def playing(self, manifests: list[Manifest]) -> Iterator[None]:
        """Run manifests on the host's network; afterwards only their volumes stay."""
        text = yaml.safe_dump_all(manifests)
        try:
            self("play", "kube", "--network", "host", "-", given=text)
            yield
        finally:
            self("play", "kube", "--down", "-", given=text, check=False)


class Secrets:
    """Secrets as the kubelet mounts them: files that only root writes, renewed at one stroke.

    podman 4.3 mounts them as well, but undecoded.

    Args:
        folder: Where they are; containers must be able to look into it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def put(self, secret: str, key: str, value: str) -> None:
        """Write a key of a Secret, or renew it."""
        folder = self.of(secret)
        folder.mkdir(exist_ok=True)
        draft = self._folder / "draft"
        draft.write_text(value)
        os.chown(draft, 0, GROUP)
        draft.chmod(MODE)
        draft.rename(folder / key)

    def of(self, secret: str) -> Path:
        """Return the folder that stands for a Secret."""
        return self._folder / secret


def playable(manifest: Manifest, image: str, secrets: Secrets | None = None) -> Manifest:
    """Return a Deployment or a Job as podman 4.3 takes it: all else stays as it was rendered.

    The image is the one that was built here. Probes are taken out: podman would ask by curl, which
    the image has not; whoever plays it asks itself. Ports need no mapping on the host's network. A
    Job becomes its pod. Nothing is started again: a death shows, and podman would start a container
    again that only prepares.
    """
    template = json.loads(json.dumps(manifest["spec"]["template"]))
    for container in [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]:
        container["image"] = image
        for taken in TAKEN:
            container.pop(taken, None)
    template["spec"]["restartPolicy"] = "Never"
    for volume in template["spec"]["volumes"]:
        if wanted := volume.pop("secret", None):
            assert secrets, wanted
            assert wanted["defaultMode"] == MODE, wanted
            volume["hostPath"] = {"path": str(secrets.of(wanted["secretName"]))}
    name = {"name": manifest["metadata"]["name"]}
    if manifest["kind"] == "Job":
        template["metadata"] |= name
        return {"apiVersion": "v1", "kind": "Pod", **template}
    spec = {**manifest["spec"], "replicas": 1, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": name, "spec": spec}
