"""The container image: small, locked, and without root."""

import json
import re
import subprocess
import sys
from pathlib import Path

from service.settings import HOME


def test_hadolint_finds_nothing():
    command = [Path(sys.executable).with_name("hadolint"), HOME / "Dockerfile"]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, "")


def test_every_stage_has_the_same_base_of_one_patch_version(stages):
    """The image runs the interpreter that created the environment."""
    bases = {stage.last("FROM").split(" AS ")[0] for stage in stages}
    assert bases == {"python:${PYTHON_IMAGE}"}
    default = re.search(r"^ARG PYTHON_IMAGE=(.+)$", (HOME / "Dockerfile").read_text(), re.MULTILINE)
    assert default
    assert re.fullmatch(r"3\.\d+\.\d+-slim-[a-z]+", default[1])


def test_only_what_the_locks_name_is_installed(stages):
    installs = [
        command
        for stage in stages
        for line in stage.all("RUN")
        for command in line.split("&&")
        if "pip install" in command
    ]
    assert installs
    for command in installs:
        assert "--require-hashes" in command or "--no-deps" in command


def test_the_last_stage_installs_nothing(image):
    """The image has no compiler and no package cache: only the builder's result is copied."""
    commands = " ".join(image.all("RUN"))
    assert not re.search(r"\b(apt|apt-get|dpkg|pip|curl|wget|gcc|make)\b", commands)
    assert image.all("COPY") == ["--from=builder /app/.venv /app/.venv"]


def test_the_image_names_its_version_and_its_commit(image):
    """By the standard's keys; whatever builds it fills them in."""
    labels = " ".join(image.all("LABEL"))
    for key in ("version", "revision"):
        assert f'org.opencontainers.image.{key}="${{{key.upper()}}}"' in labels
        for builder in ("Makefile", ".ci/image"):
            assert re.search(rf'--build-arg "?{key.upper()}=', (HOME / builder).read_text())


def test_the_image_runs_as_a_numbered_user(image):
    """Kubernetes refuses runAsNonRoot for a user that is only named."""
    uid, gid = image.last("USER").split(":")
    assert int(uid) >= 10000
    assert int(gid) >= 10000


def test_signals_reach_the_service(image):
    """In exec form no shell stands between signals and `discount run`."""
    assert (json.loads(image.last("ENTRYPOINT")), json.loads(image.last("CMD"))) == (
        ["discount"],
        ["run"],
    )


def test_the_build_sees_only_what_it_copies(stages):
    """Everything is excluded unless it is named: no key or database can slip into an image."""
    lines = (HOME / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    allowed = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    copied = {
        source
        for stage in stages
        for line in stage.all("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    assert allowed == copied
    assert "." not in copied
