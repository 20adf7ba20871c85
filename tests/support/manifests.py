"""The manifests in deploy/k8s, as `kubectl apply -k` would send them."""

import functools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from service.settings import HOME
from tests.plugins.system_packages import require

Manifest = dict[str, Any]
K8S = HOME / "deploy/k8s"
COMPONENT = "app.kubernetes.io/component"


class Rendered(list[Manifest]):
    """The manifests of an overlay."""

    def of(self, kind: str) -> list[Manifest]:
        return [manifest for manifest in self if manifest["kind"] == kind]

    def one(self, kind: str, name: str = "discount") -> Manifest:
        (found,) = (found for found in self.of(kind) if found["metadata"]["name"] == name)
        return found

    @property
    def templates(self) -> dict[str, Manifest]:
        """Our pods, by component; those of PostgreSQL are its operator's."""
        found = [m["spec"]["template"] for m in self if m["kind"] in {"Deployment", "Job"}]
        return {template["metadata"]["labels"][COMPONENT]: template for template in found}

    @property
    def containers(self) -> list[Manifest]:
        """Every container of our pods."""
        specs = [template["spec"] for template in self.templates.values()]
        return [c for s in specs for c in [*s.get("initContainers", []), *s["containers"]]]

    def container(self, component: str) -> Manifest:
        """The one container of a component."""
        (found,) = self.templates[component]["spec"]["containers"]
        assert isinstance(found, dict)
        return found

    @property
    def config(self) -> Manifest:
        """The ConfigMap that becomes the service's environment."""
        (found,) = (found for found in self.of("ConfigMap") if "HOST" in found["data"])
        return found

    @property
    def settings(self) -> dict[str, str]:
        settings: dict[str, str] = self.config["data"]
        return settings


@functools.cache
def render(overlay: str) -> Rendered:
    """Render an overlay."""
    return _render(K8S / "overlays" / overlay)


def render_copy(folder: Path, overlay: str, **changes: Any) -> Rendered:
    """Render a copy of the manifests, in which an overlay's kustomization has other entries."""
    copy = folder / "k8s"
    shutil.copytree(K8S, copy)
    file = copy / "overlays" / overlay / "kustomization.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))
    return _render(file.parent)


def _render(folder: Path) -> Rendered:
    command = [require("kubectl"), "kustomize", str(folder)]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return Rendered(yaml.safe_load_all(rendered.stdout))


def volumes(template: Manifest) -> dict[str, Manifest]:
    """Return the volumes of a pod by name."""
    return {volume["name"]: volume for volume in template["spec"]["volumes"]}


def selects(selector: Manifest, manifest: Manifest) -> bool:
    """Whether labels are among those of a manifest."""
    return bool(selector.items() <= manifest["metadata"].get("labels", {}).items())
