"""What the service is made of: every part by its hash, and all of them told."""

import json
import os
import re
import shutil
import subprocess
import tomllib

import pytest
import yaml

from service.settings import HOME

LOCKS = sorted((HOME / "config").glob("requirements*.txt"))


def parts(lock):
    """Return each package of a lock, with its version and its hashes."""
    found = {}
    for block in re.split(r"^(?=[a-z])", lock.read_text(), flags=re.MULTILINE):
        if named := re.match(r"([a-z0-9-]+)(?:\[[a-z,]+\])?==([^ ]+) ", block):
            found[named[1], named[2]] = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_dependency_has_its_hash(lock):
    """Nothing else is then taken, wherever it comes from; so no lock names a place."""
    assert parts(lock)
    lines = [line for line in lock.read_text().splitlines() if re.match(r"[^ #]", line)]
    assert len(lines) == len(parts(lock))
    assert all(parts(lock).values())
    assert "://" not in lock.read_text()


def named(lock):
    return set(parts(HOME / "config" / lock))


def test_what_builds_packages_is_locked_too():
    """Else a package that comes as source is built by what the registry has that day."""
    pyproject = tomllib.loads((HOME / "pyproject.toml").read_text())
    wanted = {re.split(r"[<>=~! ]", each)[0] for each in pyproject["build-system"]["requires"]}
    assert wanted == {name for name, _ in named("requirements-build.txt")}
    for path in (".ci/install.py", "Dockerfile"):
        text = (HOME / path).read_text()
        assert text.count("--require-hashes") >= 2, path
        assert "requirements-build.txt" in text
        assert "--no-build-isolation" in text


def test_one_environment_can_have_what_runs_and_what_develops():
    """`make run` and `make test` share it, so the locks must agree."""
    assert named("requirements.txt") | named("requirements-build.txt") <= named(
        "requirements-dev.txt"
    )


@pytest.mark.timeout(600)  # a fresh machine installs what makes it
def test_the_bill_of_materials_has_every_part_with_its_hashes(tmp_path):
    file = tmp_path / "sbom.json"
    environment = {"PATH": os.environ["PATH"], "SBOM": str(file)}
    make = shutil.which("make")
    assert make
    subprocess.run([make, "sbom"], cwd=HOME, env=environment, check=True)
    bom = json.loads(file.read_text())
    told = {
        (part["name"], part["version"]): {
            found["content"]
            for reference in part["externalReferences"]
            for found in reference.get("hashes", [])
        }
        for part in bom["components"]
    }
    assert bom["bomFormat"] == "CycloneDX"
    assert bom["metadata"]["component"]["name"] == "discount-service"
    assert parts(HOME / "config/requirements.txt") == told


def test_ci_runs_what_we_run():
    (workflow,) = (HOME / ".github/workflows").iterdir()
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    commands = [step.get("run") for job in jobs.values() for step in job["steps"]]
    assert {".ci/run", "make coverage", "make build sbom"} <= set(commands)
