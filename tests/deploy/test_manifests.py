"""The Kubernetes base: valid, whole, and confined."""

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from service.settings import HOME

STANDARD_LABELS = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/component",
    "app.kubernetes.io/part-of",
}


@pytest.mark.parametrize("version", ["1.34", kubernetes_validate.latest_version()])
def test_every_manifest_is_valid(manifests, version):
    """No field is unknown or of a wrong type, to an older Kubernetes or a new one."""
    assert manifests
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_every_file_of_the_base_is_rendered():
    """A manifest beside the others that kustomize does not know of would never be applied."""
    base = HOME / "deploy/k8s/base"
    known = yaml.safe_load((base / "kustomization.yaml").read_text())
    beside = {path.name for path in base.glob("*.yaml")} - {"kustomization.yaml"}
    assert beside == set(known["resources"])


def test_no_secret_is_committed(manifests):
    """Keys are each cluster's own; the base only says where they are mounted."""
    assert "Secret" not in {manifest["kind"] for manifest in manifests}


def test_every_manifest_has_the_standard_labels(manifests, pod):
    for manifest in [*manifests, pod]:
        assert manifest["metadata"]["labels"].keys() >= STANDARD_LABELS


def test_what_the_pod_names_exists(by_kind, pod):
    spec = pod["spec"]
    assert spec["serviceAccountName"] == by_kind["ServiceAccount"]["metadata"]["name"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    claim = volumes["data"]["persistentVolumeClaim"]["claimName"]
    assert claim == by_kind["PersistentVolumeClaim"]["metadata"]["name"]
    for container in [*spec["initContainers"], *spec["containers"]]:
        (settings,) = container["envFrom"]
        assert settings["configMapRef"]["name"] == by_kind["ConfigMap"]["metadata"]["name"]
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()


def test_the_service_finds_the_pod_and_its_ports(by_kind, pod, container):
    spec = by_kind["Service"]["spec"]
    assert spec["selector"].items() <= pod["metadata"]["labels"].items()
    named = {port["name"] for port in container["ports"]}
    assert [port["targetPort"] for port in spec["ports"]] == ["http", "metrics"]
    assert named == {"http", "metrics"}


def test_one_pod_at_a_time_has_the_sqlite_file(by_kind):
    spec = by_kind["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert by_kind["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_the_tables_are_made_before_the_service_starts(pod):
    (upgrade,) = pod["spec"]["initContainers"]
    service, worker = pod["spec"]["containers"]
    assert [["db", "upgrade"], ["serve"], ["worker"]] == [
        container["args"] for container in (upgrade, service, worker)
    ]
    assert upgrade["image"] == service["image"] == worker["image"]


def test_probes_ask_what_the_service_answers(container, client):
    """A database that is away takes the pod out of the Service, and never restarts it."""
    paths = {}
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = container[name]["httpGet"]
        assert probe["port"] == "http"
        assert client.get(probe["path"]).status_code == 200
        paths[name] = probe["path"]
    assert paths == {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }


def test_a_worker_shows_its_metrics_where_its_probe_asks(worker):
    """It has no readiness probe: it would take the server in the same pod from its callers."""
    (setting,) = worker["env"]
    (port,) = worker["ports"]
    assert ("DISCOUNT_WORKER_METRICS_PORT", port["containerPort"]) == (
        setting["name"],
        int(setting["value"]),
    )
    assert port["name"] == worker["livenessProbe"]["httpGet"]["port"]
    assert "readinessProbe" not in worker


def test_every_container_is_confined_and_has_limits(pod):
    """The "restricted" Pod Security Standard, and a root file system that cannot be written."""
    for container in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
    context = pod["spec"]["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_the_pod_gets_nothing_of_kubernetes_that_it_does_not_use(by_kind, pod):
    assert by_kind["ServiceAccount"]["automountServiceAccountToken"] is False
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["enableServiceLinks"] is False


def test_what_is_written_on_every_request_is_in_memory(pod):
    """Counters and heartbeats (config/gunicorn.conf.py); the root file system is read-only."""
    in_memory = {
        volume["name"]
        for volume in pod["spec"]["volumes"]
        if volume.get("emptyDir", {}).get("medium") == "Memory"
    }
    for container in pod["spec"]["containers"]:
        mounts = {
            mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in in_memory
        }
        assert mounts == {"/dev/shm", "/tmp"}  # noqa: S108 - of a container of its own
