"""What is deployed, read once: the rendered manifests and the Dockerfile."""

import re
import shutil
import subprocess
from typing import Any, NamedTuple

import pytest
import yaml

from service.settings import HOME

Manifest = dict[str, Any]


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, on one line."""

    word: str
    rest: str


class Stage(list[Instruction]):
    """The instructions of one stage."""

    def all(self, word: str) -> list[str]:
        return [found.rest for found in self if found.word == word]

    def last(self, word: str) -> str:
        return self.all(word)[-1]

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for line in self.all("ENV") for pair in line.split())


@pytest.fixture(scope="session")
def manifests() -> list[Manifest]:
    """What `kubectl apply -k` would send."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("There is no kubectl here to render the manifests with.")
    command = [kubectl, "kustomize", str(HOME / "deploy/k8s/base")]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return list(yaml.safe_load_all(rendered.stdout))


@pytest.fixture(scope="session")
def by_kind(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The manifests by kind, of each of which there is one."""
    kinds = {manifest["kind"]: manifest for manifest in manifests}
    assert len(manifests) == len(kinds)
    return kinds


@pytest.fixture(scope="session")
def pod(by_kind: dict[str, Manifest]) -> Manifest:
    template: Manifest = by_kind["Deployment"]["spec"]["template"]
    return template


@pytest.fixture(scope="session")
def container(pod: Manifest) -> Manifest:
    """The container that serves."""
    serving, _ = pod["spec"]["containers"]
    assert isinstance(serving, dict)
    return serving


@pytest.fixture(scope="session")
def worker(pod: Manifest) -> Manifest:
    """The container that does jobs."""
    _, working = pod["spec"]["containers"]
    assert isinstance(working, dict)
    return working


@pytest.fixture(scope="session")
def stages() -> list[Stage]:
    text = re.sub(r"^#.*\n", "", (HOME / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: list[Stage] = []
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append(Stage())
        if found and word:
            found[-1].append(Instruction(word, rest.strip()))
    return found


@pytest.fixture(scope="session")
def image(stages: list[Stage]) -> Stage:
    """The stage that becomes the image."""
    return stages[-1]
