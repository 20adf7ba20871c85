"""What a site sets is set in its overlay, and nowhere else."""

import re

import pytest

from tests.support.manifests import render_copy

NAME = r"(?:[a-z]+-)?discount-(?:db|pooler|backups|upgrade|worker|settings|metrics)(?:-\w+)?"
"""The name of a manifest of ours, wherever it is mentioned."""


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """The overlay as a site might have it."""
    image = {"name": "discount-service", "newName": "registry.test/discount", "newTag": "9"}
    return render_copy(
        tmp_path_factory.mktemp("site"),
        "production",
        namePrefix="eu-",
        namespace="discount-eu",
        images=[image],
        labels=[{"pairs": {"release": "prometheus"}}],
    )


def texts(node, path=""):
    """Yield every text of a manifest, and where it stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from texts(value, f"{path}/{key}")
    elif isinstance(node, list):
        for value in node:
            yield from texts(value, path)
    elif isinstance(node, str):
        yield path, node


def mentions(rendered):
    """Return every mention of a manifest's name: by what, where, and the name."""
    return {
        (manifest["kind"], path, text)
        for manifest in rendered
        if manifest["kind"] not in {"ConfigMap", "PrometheusRule"}
        for path, text in texts(manifest)
        if re.fullmatch(NAME, text)
    }


def test_a_prefix_changes_all_names_together(production, changed):
    """Each manifest still finds the others, also those of the operators."""
    cluster, pooler = changed.of("Cluster")[0], changed.of("Pooler")[0]
    assert ("eu-discount-db", "eu-discount-pooler") == (
        cluster["metadata"]["name"],
        pooler["metadata"]["name"],
    )
    (backup,) = changed.of("ScheduledBackup")
    for manifest in (pooler, backup):
        assert "eu-discount-db" == manifest["spec"]["cluster"]["name"]
    assert ["eu-discount-pooler"] == cluster["spec"]["certificates"]["serverAltDNSNames"]
    (plugin,) = cluster["spec"]["plugins"]
    assert changed.one("ObjectStore", plugin["parameters"]["barmanObjectName"])
    scaler = changed.of("HorizontalPodAutoscaler")[0]["spec"]["scaleTargetRef"]["name"]
    assert changed.one("Deployment", scaler)
    kept = mentions(production) & mentions(changed)
    assert {"discount-backups"} == {text for _, _, text in kept}, "the Secret, which a site makes"


def test_the_authority_has_the_name_that_the_operator_gives_it(changed):
    for template in changed.templates.values():
        (authority,) = (v for v in template["spec"]["volumes"] if v["name"] == "database-ca")
        assert "eu-discount-db-ca" == authority["secret"]["secretName"]


def test_another_namespace_is_everywhere(changed):
    assert changed.one("Namespace", "discount-eu")
    assert {"discount-eu"} == {
        found["metadata"]["namespace"] for found in changed if found["kind"] != "Namespace"
    }


def test_the_overlay_alone_sets_the_image(changed):
    assert {"registry.test/discount:9"} == {found["image"] for found in changed.containers}


def test_the_overlay_alone_sets_the_label_by_which_prometheus_selects(changed):
    for kind in ("PrometheusRule", "ServiceMonitor", "PodMonitor"):
        labels = [found["metadata"]["labels"]["release"] for found in changed.of(kind)]
        assert {"prometheus"} == set(labels)


def test_the_overlay_alone_sets_where_alerts_link_to(production):
    links = {
        rule["annotations"]["runbook_url"].rpartition("/")[0]
        for found in production.of("PrometheusRule")
        for group in found["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert {"https://git.example.com/discount-service/blob/main/docs/runbooks"} == links


def test_every_component_can_be_added(production, complete):
    """Each adds one setting; the Redis's URL is in a Secret that is mounted."""
    new = complete.settings.keys() - production.settings.keys()
    assert {"DISCOUNT_RATE_LIMIT_STORAGE_URL_FILE", "DISCOUNT_OTLP_ENDPOINT"} == new
    folder = complete.settings["DISCOUNT_RATE_LIMIT_STORAGE_URL_FILE"].rpartition("/")[0]
    mounts = complete.container("api")["volumeMounts"]
    assert folder in {mount["mountPath"] for mount in mounts}
