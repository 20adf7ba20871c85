"""The commands of the runbooks name what there is: objects, labels, containers and mounts.

Those that search the log or look at the machine are run beside a service that `make run` started,
in tests/process/install/test_make.py.
"""

import ast
import re
import shlex
import subprocess

import pytest

from tests.support.manifests import render, volumes
from tests.tools.monitoring.queries import RUNBOOKS, commands, of_kubernetes, of_the_machine

KINDS = {
    "deployment": "Deployment",
    "job": "Job",
    "hpa": "HorizontalPodAutoscaler",
    "pvc": "PersistentVolumeClaim",
    "clusters.postgresql.cnpg.io": "Cluster",
}
OF_THE_OPERATORS = {"postgres"}
"""Containers that CloudNativePG adds to its pods."""
OVERLAYS = [render("dev"), render("production")]


def parameters(named):
    return [pytest.param(text, id=name) for name, text in named]


def names(kind):
    return {manifest["metadata"]["name"] for overlay in OVERLAYS for manifest in overlay.of(kind)}


def labels():
    """Return the labels of our pods, and those by which Kubernetes and operators find theirs."""
    templates = [template for overlay in OVERLAYS for template in overlay.templates.values()]
    ours = {pair for template in templates for pair in template["metadata"]["labels"].items()}
    clusters = {("cnpg.io/cluster", name) for name in names("Cluster")}
    services = {("kubernetes.io/service-name", name) for name in names("Service")}
    return ours | clusters | services | {("cnpg.io/instanceRole", "primary")}


@pytest.mark.parametrize("line", parameters(commands()))
def test_the_shell_can_read_every_command(line):
    done = subprocess.run(["/bin/bash", "-n", "-c", line], capture_output=True, check=False)
    assert (0, b"") == (done.returncode, done.stderr)
    for code in re.findall(r"python -c '([^']+)'", line):
        ast.parse(code)


@pytest.mark.parametrize("line", parameters(of_kubernetes()))
def test_what_kubectl_asks_for_exists(line):
    for kind, name in re.findall(rf"\b({'|'.join(map(re.escape, KINDS))})[/ ]([\w-]+)", line):
        assert name in names(KINDS[kind]), line
    for selector in re.findall(r"--selector (\S+)", line):
        assert {tuple(pair.split("=")) for pair in selector.rstrip(")").split(",")} <= labels()
    containers = {container["name"] for overlay in OVERLAYS for container in overlay.containers}
    assert set(re.findall(r"--container (\S+)", line)) <= containers | OF_THE_OPERATORS


def test_the_page_for_a_full_disk_looks_where_the_database_is():
    """Of the overlay with SQLite."""
    (dev, _) = OVERLAYS
    (template,) = dev.templates.values()
    database = dev.settings["DISCOUNT_DATABASE_URL"].removeprefix("sqlite:///")
    (container,) = template["spec"]["containers"]
    kept = {
        mount["mountPath"]
        for mount in container["volumeMounts"]
        if "persistentVolumeClaim" in volumes(template)[mount["name"]]
    }
    page = (RUNBOOKS / "disk-full.md").read_text()
    looked_at = {
        shlex.split(line)[-1] for _, line in commands() if "-- df" in line or "-- ls" in line
    }
    assert looked_at == kept
    assert database.rpartition("/")[0] in kept
    assert next(iter(kept)) in page


def test_there_are_commands_of_either_kind():
    assert list(of_kubernetes())
    assert list(of_the_machine())
