"""The rendered manifests and the Dockerfile, read once."""

import re
from typing import NamedTuple

import pytest

from service.settings import HOME
from tests.support.manifests import Rendered, render, render_copy


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


@pytest.fixture(params=["dev", "production"])
def overlay(request) -> Rendered:
    """Each of the overlays."""
    return render(request.param)


@pytest.fixture
def dev() -> Rendered:
    return render("dev")


@pytest.fixture
def production() -> Rendered:
    return render("production")


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The overlay `production` with all that the service can talk to."""
    components = [f"../../components/{name}" for name in ("postgres", "redis", "tracing")]
    return render_copy(tmp_path_factory.mktemp("all"), "production", components=components)


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
