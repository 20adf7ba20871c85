"""Start, probes and stop of pods: each figure follows from one of the service's."""

import re

import pytest

from service.observability.probes import CHECK_TIMEOUT_S
from service.settings import HOME, PRODUCTION_DRAIN_S
from service.store.postgresql.pool import BORROW_TIMEOUT_S
from service.usecases.ports.work import LEASE_MS
from tests.support.engines import on_sqlite
from tests.support.waiting import wait_until

SPARE_S = 5
"""Seconds for the kubelet, the container and gunicorn besides waiting."""


@pytest.fixture
def gunicorn():
    """The seconds of service/server/configuration.py."""
    text = (HOME / "service/server/configuration.py").read_text()
    found = re.findall(r"^(timeout|graceful_timeout) = (\d+)", text, re.MULTILINE)
    return {name: int(seconds) for name, seconds in found}


def time_to_failure(probe):
    """The seconds for which a probe fails before it has an effect."""
    return probe["periodSeconds"] * probe["failureThreshold"]


@on_sqlite
def test_probes_ask_what_the_service_answers(overlay, client):
    """A database failure takes a pod out of the Service, and never restarts it."""
    paths = {}
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = overlay.container("api")[name]["httpGet"]
        assert probe["port"] == "http"
        path = paths[name] = probe["path"]
        # A check that has no answer within a second has failed: so it may be on a busy machine.
        wait_until(lambda: client.get(path).status_code == 200)  # noqa: B023 - called in this round
    assert paths == {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }


def test_a_worker_is_asked_for_its_metrics_and_for_what_it_needs(production):
    worker = production.container("worker")
    (port,) = worker["ports"]
    assert port["containerPort"] == int(production.settings["DISCOUNT_WORKER_METRICS_PORT"])
    for name in ("startupProbe", "livenessProbe"):
        assert {"path": "/metrics", "port": port["name"]} == worker[name]["httpGet"]
    assert worker["readinessProbe"]["exec"]["command"] == ["discount", "worker", "--check"]


def test_readiness_is_waited_for_longer_than_its_checks_take(overlay):
    assert overlay.container("api")["readinessProbe"]["timeoutSeconds"] > CHECK_TIMEOUT_S


def test_a_server_that_heals_itself_is_not_killed(overlay, gunicorn):
    """Gunicorn replaces a stuck worker, and a probe may wait behind a call for the database."""
    probe = overlay.container("api")["livenessProbe"]
    assert time_to_failure(probe) > gunicorn["timeout"] + SPARE_S
    assert probe["timeoutSeconds"] > BORROW_TIMEOUT_S


def test_what_is_accepted_is_finished_before_a_pod_is_killed(overlay, gunicorn):
    """Proxies forget a pod, it drains, and calls finish: only then does SIGKILL follow."""
    steps = [
        overlay.container("api")["lifecycle"]["preStop"]["sleep"]["seconds"],
        float(overlay.settings.get("DISCOUNT_DRAIN_S", PRODUCTION_DRAIN_S)),
        gunicorn["graceful_timeout"],
    ]
    grace = overlay.templates["api"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= sum(steps) + SPARE_S


def test_a_container_gets_as_long_from_make(gunicorn):
    makefile = re.search(r"--stop-timeout (\d+)", (HOME / "Makefile").read_text())
    assert makefile
    assert int(makefile[1]) >= PRODUCTION_DRAIN_S + gunicorn["graceful_timeout"] + SPARE_S


def test_a_worker_may_end_its_chunk(production):
    """The grace period exceeds the lease of a job, so that its next worker is alone."""
    assert production.templates["worker"]["spec"]["terminationGracePeriodSeconds"] > LEASE_MS / 1000


def test_a_new_version_is_ready_before_an_old_one_goes(production):
    strategy = production.one("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert {"maxUnavailable": 0, "maxSurge": 1} == strategy


def test_the_tables_are_made_with_the_service(dev, production):
    """In production beside it, as it may be needed again; on SQLite in the one pod that may."""
    assert production.container("upgrade")["args"] == ["db", "upgrade"]
    (upgrade,) = dev.templates["api"]["spec"]["initContainers"]
    assert upgrade["args"] == ["db", "upgrade"]
    args = {name: production.container(name)["args"] for name in ("api", "worker")}
    assert {"api": ["serve"], "worker": ["worker"]} == args
    assert dev.container("api")["args"] == ["run"]


def test_the_upgrade_keeps_the_log_of_every_try(production):
    """For a week. With OnFailure, Kubernetes deletes the pod, and its log, when it gives up.

    https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy
    """
    job = production.one("Job", "discount-upgrade")["spec"]
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert job["ttlSecondsAfterFinished"] >= 7 * 86_400
    container = production.container("upgrade")
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_a_roll_out_waits_for_the_tables(production):
    """The Job's deadline exceeds the time that Kubernetes waits for the pods that need it."""
    deadline = production.one("Deployment")["spec"]["progressDeadlineSeconds"]
    assert production.one("Job", "discount-upgrade")["spec"]["activeDeadlineSeconds"] > deadline
