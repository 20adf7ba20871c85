"""Connections in production that the NetworkPolicies allow."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.support.manifests import selects

NAMESPACE = "kubernetes.io/metadata.name"
POOLER = {"cnpg.io/poolerName": "discount-pooler"}
INSTANCE = {"cnpg.io/cluster": "discount-db"}
PEERS: dict[str, dict[str, Any]] = {
    "shop": {"namespace": {NAMESPACE: "shop", "discount-client": "true"}},
    "stranger": {"namespace": {NAMESPACE: "elsewhere"}},
    "prometheus": {"namespace": {NAMESPACE: "monitoring"}},
    "operator": {
        "namespace": {NAMESPACE: "cnpg-system"},
        "pod": {"app.kubernetes.io/name": "cloudnative-pg"},
    },
    "beside the operator": {"namespace": {NAMESPACE: "cnpg-system"}},
    "dns": {"namespace": {NAMESPACE: "kube-system"}, "pod": {"k8s-app": "kube-dns"}},
    "internet": {"address": "203.0.113.7"},
    "metadata": {"address": "169.254.169.254"},
    "pooler": {"pod": POOLER},
    "instance": {"pod": INSTANCE},
    "other": {"pod": {"app": "something else in the namespace"}},
}
"""Peers; those without a namespace are in ours."""


def subset(selector, labels):
    return selector.get("matchLabels", {}).items() <= labels.items()


def is_in(block, address):
    networks = [(block["cidr"], True), *((network, False) for network in block["except"])]
    return all((ip_address(address) in ip_network(net)) is wanted for net, wanted in networks)


def fits(peer, who):
    """Whether the peer of a rule is this one."""
    if "ipBlock" in peer or "address" in who:
        return "ipBlock" in peer and "address" in who and is_in(peer["ipBlock"], who["address"])
    return (
        ("namespaceSelector" in peer) == ("namespace" in who)
        and subset(peer.get("namespaceSelector", {}), who.get("namespace", {}))
        and subset(peer.get("podSelector", {}), who.get("pod", {}))
    )


@pytest.fixture
def may(production):
    """Whether a pod of ours may receive from ("from") or send to ("to") another on a port."""
    pods = {name: {"pod": t["metadata"]["labels"]} for name, t in production.templates.items()}
    who: dict[str, dict[str, Any]] = PEERS | pods
    named = {
        (name, port["name"]): port["containerPort"]
        for name in pods
        for port in production.container(name).get("ports", [])
    }

    def ask(pod, side, peer, port):
        rules = [
            rule
            for policy in production.of("NetworkPolicy")
            if subset(policy["spec"]["podSelector"], who[pod]["pod"])
            for rule in policy["spec"].get({"from": "ingress", "to": "egress"}[side], [])
        ]
        return any(
            port in {named.get((pod, one["port"]), one["port"]) for one in rule["ports"]}
            and (side not in rule or any(fits(one, who[peer]) for one in rule[side]))
            for rule in rules
        )

    return ask


def test_nothing_passes_that_is_not_named(overlay):
    """The default policy denies everything that no other policy allows."""
    deny = overlay.one("NetworkPolicy", "default-deny")["spec"]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} == deny


@pytest.mark.parametrize(
    ("pod", "peer", "port"),
    [
        ("api", "shop", 5000),
        ("api", "prometheus", 5001),
        ("worker", "prometheus", 5002),
        ("pooler", "api", 5432),
        ("pooler", "worker", 5432),
        ("pooler", "upgrade", 5432),
        ("pooler", "prometheus", 9127),
        ("instance", "pooler", 5432),
        ("instance", "instance", 5432),
        ("instance", "operator", 8000),
        ("instance", "prometheus", 9187),
    ],
)
def test_in_comes(may, pod, peer, port):
    assert may(pod, "from", peer, port)


@pytest.mark.parametrize(
    ("pod", "peer", "port"),
    [
        ("api", "stranger", 5000),
        ("api", "other", 5000),
        ("api", "shop", 5001),
        ("api", "prometheus", 5000),
        ("worker", "shop", 5002),
        ("upgrade", "shop", 5000),
        ("pooler", "other", 5432),
        ("pooler", "shop", 5432),
        ("instance", "api", 5432),
        ("instance", "beside the operator", 8000),
    ],
)
def test_in_comes_not(may, pod, peer, port):
    assert not may(pod, "from", peer, port)


@pytest.mark.parametrize(
    ("pod", "peer", "port"),
    [
        *((pod, "pooler", 5432) for pod in ("api", "worker", "upgrade")),
        *((pod, "dns", 53) for pod in ("api", "worker", "upgrade", "pooler", "instance")),
        ("api", "internet", 443),
        ("pooler", "instance", 5432),
        ("instance", "instance", 5432),
        ("instance", "internet", 443),
    ],
)
def test_out_goes(may, pod, peer, port):
    assert may(pod, "to", peer, port)


@pytest.mark.parametrize(
    ("pod", "peer", "port"),
    [
        ("api", "metadata", 443),
        ("api", "internet", 80),
        ("api", "instance", 5432),
        ("worker", "internet", 443),
        ("upgrade", "internet", 443),
        ("worker", "api", 5000),
        ("other", "pooler", 5432),
    ],
)
def test_out_goes_not(may, pod, peer, port):
    assert not may(pod, "to", peer, port)


def test_what_policies_call_the_database_is_what_it_is_called(production):
    """The operator labels its pods with the names of their Cluster and Pooler."""
    (cluster,), (pooler,) = production.of("Cluster"), production.of("Pooler")
    assert INSTANCE == {"cnpg.io/cluster": cluster["metadata"]["name"]}
    assert POOLER == {"cnpg.io/poolerName": pooler["metadata"]["name"]}
    budget = production.one("PodDisruptionBudget", pooler["metadata"]["name"])
    assert selects(POOLER, {"metadata": {"labels": budget["spec"]["selector"]["matchLabels"]}})
