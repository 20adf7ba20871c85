"""The manifests: valid, complete, and confined."""

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from tests.support.manifests import COMPONENT, K8S, selects, volumes

OLDEST = "1.34"
OPERATORS = {"postgresql.cnpg.io", "barmancloud.cnpg.io", "monitoring.coreos.com"}
"""API groups of operators, whose kinds Kubernetes itself does not know."""
STANDARD_LABELS = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/component",
    "app.kubernetes.io/part-of",
}
SAFE_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}


def ours(manifest):
    return manifest["apiVersion"].split("/")[0] not in OPERATORS


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_every_manifest_is_valid(overlay, version):
    """The oldest and the newest Kubernetes know all fields and their types."""
    assert overlay
    for manifest in filter(ours, overlay):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_every_file_is_rendered():
    """A file that kustomize does not reference would never be applied."""
    for kustomization in K8S.glob("**/kustomization.yaml"):
        known = yaml.safe_load(kustomization.read_text())
        made = known.get("configMapGenerator", [])
        named = {
            *known.get("resources", []),
            *known.get("configurations", []),
            *(patch["path"] for patch in known.get("patches", []) if "path" in patch),
            *(file for one in made for file in one.get("envs", [])),
            *(file.rpartition("=")[2] for one in made for file in one.get("files", [])),
        }
        beside = {path.name for path in kustomization.parent.iterdir() if path.is_file()}
        assert beside == {kustomization.name, *(name for name in named if "/" not in name)}


def test_no_secret_is_committed(overlay):
    """Keys belong to each cluster; manifests only mount them."""
    assert [] == overlay.of("Secret")
    for container in overlay.containers:
        assert "env" not in container
        assert [["configMapRef"]] == [list(source) for source in container["envFrom"]]


def test_every_secret_that_is_mounted_is_in_the_readme(production):
    """The README creates every Secret that pods wait for, except the authority's."""
    wanted = {"discount-backups", "discount-db-ca"}
    for template in production.templates.values():
        wanted |= {v["secret"]["secretName"] for v in volumes(template).values() if "secret" in v}
    readme = (K8S / "README.md").read_text()
    assert wanted == {name for name in wanted if f"generic {name} " in readme} | {"discount-db-ca"}
    (cluster,) = production.of("Cluster")
    (item,) = volumes(production.templates["api"])["database-ca"]["secret"]["items"]
    assert item["key"] == "ca.crt"
    assert wanted >= {f"{cluster['metadata']['name']}-ca"}


def test_every_manifest_of_ours_has_the_standard_labels(overlay):
    for template in overlay.templates.values():
        assert template["metadata"]["labels"].keys() >= STANDARD_LABELS
    for manifest in overlay:
        if manifest["kind"] in {"Deployment", "Job"}:
            assert manifest["metadata"]["labels"].keys() >= STANDARD_LABELS


def test_what_a_pod_names_exists(overlay):
    claims = {claim["metadata"]["name"] for claim in overlay.of("PersistentVolumeClaim")}
    configs = {config["metadata"]["name"] for config in overlay.of("ConfigMap")}
    for template in overlay.templates.values():
        spec = template["spec"]
        assert overlay.one("ServiceAccount", spec["serviceAccountName"])
        named = volumes(template)
        for volume in named.values():
            assert volume.get("persistentVolumeClaim", {}).get("claimName") in {None, *claims}
        mounted = set()
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            (settings,) = container["envFrom"]
            assert settings["configMapRef"]["name"] in configs
            mounted |= {mount["name"] for mount in container["volumeMounts"]}
        assert named.keys() == mounted


def test_every_selector_finds_its_pods_and_no_others(overlay):
    for kind in ("Deployment", "PodDisruptionBudget"):
        for manifest in overlay.of(kind):
            selector = manifest["spec"]["selector"]["matchLabels"]
            component = manifest["metadata"].get("labels", {}).get(COMPONENT)
            if component in overlay.templates:
                found = [k for k, t in overlay.templates.items() if selects(selector, t)]
                assert [component] == found
    for deployment in overlay.of("Deployment"):
        template = deployment["spec"]["template"]
        for spread in template["spec"].get("topologySpreadConstraints", []):
            assert selects(spread["labelSelector"]["matchLabels"], template)


def test_every_service_finds_its_pods_and_their_ports(production):
    found = {}
    for service in production.of("Service"):
        (port,) = service["spec"]["ports"]
        pods = [
            component
            for component, template in production.templates.items()
            if selects(service["spec"]["selector"], template)
            for container in template["spec"]["containers"]
            if port["targetPort"] in {named["name"] for named in container.get("ports", [])}
        ]
        found[service["metadata"]["name"]] = (port["name"], pods)
    expected = {"discount": ("http", ["api"]), "discount-metrics": ("metrics", ["api", "worker"])}
    assert expected == found


def test_prometheus_scrapes_every_server_and_worker(production):
    """Pods that are not ready are scraped as well: they are the interesting ones."""
    (monitor,) = production.of("ServiceMonitor")
    (found,) = (
        service
        for service in production.of("Service")
        if selects(monitor["spec"]["selector"]["matchLabels"], service)
    )
    assert found["spec"]["publishNotReadyAddresses"] is True
    (endpoint,) = monitor["spec"]["endpoints"]
    assert [endpoint["port"]] == [port["name"] for port in found["spec"]["ports"]]


def test_the_autoscaler_alone_says_how_many_servers_there_are(production):
    """A replica count in the manifest would undo the autoscaler's work on each apply."""
    target = production.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert "replicas" not in production.one(target["kind"], target["name"])["spec"]


def test_one_pod_at_a_time_has_the_sqlite_file(dev):
    (deployment,) = dev.of("Deployment")
    assert (1, {"type": "Recreate"}) == (
        deployment["spec"]["replicas"],
        deployment["spec"]["strategy"],
    )
    (claim,) = dev.of("PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]


def test_the_namespace_refuses_what_is_not_confined(overlay):
    (namespace,) = overlay.of("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for manifest in overlay:
        if manifest is not namespace:
            assert manifest["metadata"]["namespace"] == namespace["metadata"]["name"]


def test_every_pod_is_as_confined_as_its_namespace_wants(overlay):
    """The Pod Security Standard "restricted", and a root file system that cannot be written."""
    for template in overlay.templates.values():
        spec = template["spec"]
        assert spec.keys().isdisjoint({"hostNetwork", "hostPID", "hostIPC"})
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for volume in volumes(template).values():
            assert volume.keys() - {"name"} <= SAFE_VOLUMES
    for container in overlay.containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "hostPort" not in {key for port in container.get("ports", []) for key in port}


def test_every_container_has_requests_and_limits(overlay):
    for container in overlay.containers:
        assert {"cpu", "memory"} == container["resources"]["requests"].keys()
        assert {"cpu", "memory"} == container["resources"]["limits"].keys()


def test_a_pod_gets_nothing_of_kubernetes_that_it_does_not_use(overlay):
    assert overlay.one("ServiceAccount")["automountServiceAccountToken"] is False
    for template in overlay.templates.values():
        assert template["spec"]["automountServiceAccountToken"] is False
        assert template["spec"]["enableServiceLinks"] is False


def test_secrets_are_renewed_while_a_pod_runs(production):
    """A Secret that is mounted by subPath is never updated; files of gid 10001 are readable."""
    for template in production.templates.values():
        group = template["spec"]["securityContext"]["fsGroup"]
        assert group == template["spec"]["securityContext"]["runAsGroup"]
        for volume in volumes(template).values():
            assert volume.get("secret", {}).get("defaultMode") in {None, 0o440}
    for container in production.containers:
        assert not [mount for mount in container["volumeMounts"] if "subPath" in mount]


def test_images_are_the_same_everywhere_and_in_production_by_digest(overlay, production):
    (image,) = {container["image"] for container in overlay.containers}
    if overlay is production:
        assert "@sha256:" in image
    for cluster in overlay.of("Cluster"):
        assert "@sha256:" in cluster["spec"]["imageName"]


def test_what_is_written_on_every_request_is_in_memory(overlay):
    """Counters and heartbeats need a volume, as the root file system is read-only."""
    template = overlay.templates["api"]
    in_memory = {
        name
        for name, volume in volumes(template).items()
        if volume.get("emptyDir", {}).get("medium") == "Memory"
    }
    container = overlay.container("api")
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]} & {"/dev/shm", "/tmp"}  # noqa: S108 - of a container of its own
    assert {"/dev/shm", "/tmp"} == mounts  # noqa: S108 - of a container of its own
    for mount in container["volumeMounts"]:
        assert (mount["mountPath"] in mounts) == (mount["name"] in in_memory)
