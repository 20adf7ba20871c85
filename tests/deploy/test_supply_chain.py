"""The supply chain: every part has a hash, and the bill of materials lists all parts."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from typing import Any

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
    """With hashes, pip installs nothing else, whatever the index; so no lock names an index."""
    assert parts(lock)
    lines = [line for line in lock.read_text().splitlines() if re.match(r"[^ #]", line)]
    assert len(lines) == len(parts(lock))
    assert all(parts(lock).values())
    assert "://" not in lock.read_text()


def named(lock):
    return set(parts(HOME / "config" / lock))


def test_what_builds_packages_is_locked_too():
    """A source package would otherwise be built with the newest tools of the registry."""
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


def test_the_bill_of_materials_is_made_of_what_runs():
    """The bill of materials lists the lock of the image, with a hash for every part."""
    make = shutil.which("make")
    assert make
    recipe = subprocess.check_output(
        [make, "--no-print-directory", "--dry-run", "sbom"], cwd=HOME, text=True
    )
    assert re.search(r"cyclonedx-py requirements .*--output-reproducible", recipe)
    assert recipe.rstrip().endswith(" config/requirements.txt")
    assert "config/requirements.txt" in (HOME / "Dockerfile").read_text()


@pytest.mark.long
@pytest.mark.timeout(600)  # a fresh machine installs the tool
def test_the_bill_of_materials_has_every_part_with_its_hashes(tmp_path):
    file = tmp_path / "sbom.json"
    environment = {"PATH": os.environ["PATH"], "SBOM": str(file)}
    make = shutil.which("make")
    assert make
    subprocess.run([make, "sbom"], cwd=HOME, env=environment, check=True)
    bom = json.loads(file.read_text())
    listed = {
        (part["name"], part["version"]): {
            found["content"]
            for reference in part["externalReferences"]
            for found in reference.get("hashes", [])
        }
        for part in bom["components"]
    }
    assert bom["bomFormat"] == "CycloneDX"
    assert bom["metadata"]["component"]["name"] == "discount-service"
    assert parts(HOME / "config/requirements.txt") == listed


WORKFLOWS = HOME / ".github/workflows"


@pytest.fixture
def workflow():
    return yaml.safe_load((WORKFLOWS / "ci.yml").read_text())


@pytest.fixture
def jobs(workflow):
    found: dict[str, Any] = workflow["jobs"]
    return found


def only_on_tags(job):
    return job.get("if") == "startsWith(github.ref, 'refs/tags/v')"


def test_ci_runs_what_we_run(jobs):
    commands = [step.get("run") for job in jobs.values() for step in job["steps"]]
    wanted = {".ci/run", "make test-long", "make attack", "make coverage", "make build sbom"}
    assert wanted <= set(commands)


def test_what_a_pull_request_runs_may_read_and_no_more(workflow, jobs):
    """A third-party action must neither publish nor sign."""
    assert "pull_request" in workflow[True]  # YAML 1.1 takes `on` for a boolean
    assert "pull_request_target" not in workflow[True]
    assert {} == workflow["permissions"]
    for name, job in jobs.items():
        if not only_on_tags(job):
            assert {"contents": "read"} == job["permissions"], name
            assert "environment" not in job, name
            assert "github.token" not in str(job), name
            assert "secrets." not in str(job), name


def test_only_one_job_publishes_and_only_what_was_tested_and_scanned(jobs):
    (name,) = (name for name, job in jobs.items() if only_on_tags(job))
    publish, image = jobs[name], jobs["image"]
    assert {"test", "image"} <= set(publish["needs"])
    assert "test" == image["needs"]
    assert publish["environment"]
    assert {"packages": "write", "id-token": "write", "attestations": "write"} == publish[
        "permissions"
    ]
    text = str(publish)
    assert "actions/checkout" not in text  # nothing of the repository runs with these rights
    assert not re.search(r"docker (buildx )?build ", text)
    assert "make " not in text
    assert "docker load" in text
    for architecture in architectures(image):
        assert f"steps.save.outputs.{architecture}" in image["outputs"][architecture]
        assert f"needs.image.outputs.{architecture}" in text
        assert f"push {architecture} " in text
    scan = next(step for step in image["steps"] if "scan-action" in step.get("uses", ""))
    saved = next(step for step in image["steps"] if step.get("id") == "save")
    assert f"docker save {scan['with']['image']} " in saved["run"]
    assert image["steps"].index(scan) < image["steps"].index(saved)


def architectures(image):
    return {one["arch"] for one in image["strategy"]["matrix"]["include"]}


def test_the_image_is_built_where_it_will_run(jobs):
    """An emulated build tests nothing of the other architecture."""
    machines = {
        one["arch"]: one["runner"] for one in jobs["image"]["strategy"]["matrix"]["include"]
    }
    assert {"amd64": "ubuntu-24.04", "arm64": "ubuntu-24.04-arm"} == machines


@pytest.fixture
def scan():
    return yaml.safe_load((WORKFLOWS / "scan.yml").read_text())


def test_images_are_scanned_every_week(scan, jobs):
    """The released one and that of the main branch, as strictly as at a release."""
    ((schedule,),) = [scan[True]["schedule"]]
    assert re.fullmatch(r"\d+ \d+ \* \* \d", schedule["cron"])
    scans = {
        name: step["with"]
        for name, job in {**scan["jobs"], "image": jobs["image"]}.items()
        for step in job["steps"]
        if "scan-action" in step.get("uses", "")
    }
    assert {"published", "main", "image"} == scans.keys()
    assert "${{ steps.release.outputs.image }}" == scans["published"].pop("image")
    assert {"discount-service"} == {scans[name].pop("image") for name in ("main", "image")}
    assert scans["published"] == scans["main"] == scans["image"]


def test_a_scan_may_read_and_no_more(scan):
    assert {} == scan["permissions"]
    for job in scan["jobs"].values():
        assert {"read"} == set(job["permissions"].values())


def test_every_action_is_pinned_to_a_commit():
    texts = [path.read_text() for path in WORKFLOWS.iterdir()]
    used = [
        step["uses"]
        for text in texts
        for job in yaml.safe_load(text)["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    ]
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)


def test_the_verification_names_this_workflow_and_a_tag():
    file = WORKFLOWS / "ci.yml"
    text = (HOME / "deploy/k8s/README.md").read_text()
    assert f"WORKFLOW=$REPOSITORY/{file.relative_to(HOME)}\n" in text
    assert '--certificate-identity "https://github.com/$WORKFLOW@refs/tags/v$VERSION"' in text
    assert "--certificate-oidc-issuer https://token.actions.githubusercontent.com" in text
    assert '--signer-workflow "$WORKFLOW" --source-ref "refs/tags/v$VERSION"' in text
    assert "identity-regexp" not in text
