"""What the service is made of: every part by its hash, and all of them told."""

import json
import os
import re
import shutil
import subprocess

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
    assert {".ci/run", "make build sbom"} <= set(commands)
