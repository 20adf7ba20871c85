"""Connections in production that the NetworkPolicies allow."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

NAMESPACE = "kubernetes.io/metadata.name"
POOLER = {"cnpg.io/cluster": "discount-db", "cnpg.io/podRole": "pooler"}
INSTANCE = {"cnpg.io/cluster": "discount-db", "cnpg.io/podRole": "instance"}
RESTORE = {"cnpg.io/cluster": "discount-db-restored", "cnpg.io/jobRole": "full-recovery"}
"""The labels that CloudNativePG gives its pods."""
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
    "node's dns": {"address": "169.254.20.10"},
    "redis": {"namespace": {NAMESPACE: "redis"}, "pod": {"app.kubernetes.io/name": "redis"}},
    "collector": {
        "namespace": {NAMESPACE: "observability"},
        "pod": {"app.kubernetes.io/name": "opentelemetry-collector"},
    },
    "internet": {"address": "203.0.113.7"},
    "internet by IPv6": {"address": "2001:db8::7"},
    "metadata": {"address": "169.254.169.254"},
    "metadata by IPv6": {"address": "fd00:ec2::254"},
    "pooler": {"pod": POOLER},
    "instance": {"pod": INSTANCE},
    "restored": {"pod": INSTANCE | {"cnpg.io/cluster": "discount-db-restored"}},
    "restore": {"pod": RESTORE},
    "other": {"pod": {"app": "something else in the namespace"}},
}
"""Peers; those without a namespace are in ours."""


OPERATORS = {
    "Exists": lambda value, _values: value is not None,
    "NotIn": lambda value, values: value not in values,
}
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/"""


def subset(selector, labels):
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        OPERATORS[one["operator"]](labels.get(one["key"]), one.get("values"))
        for one in selector.get("matchExpressions", [])
    )


def is_in(block, address):
    networks = [(block["cidr"], True), *((network, False) for network in block.get("except", []))]
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
    return asking(production)


@pytest.fixture
def may_with_all(complete):
    return asking(complete)


def asking(production):
    """Return whether a pod of ours may receive ("from") or send ("to") on a port, by peer."""
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
        ("restored", "pooler", 5432),
        ("restored", "restored", 5432),
        ("restored", "operator", 8000),
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
        ("instance", "other", 5432),
        ("instance", "beside the operator", 8000),
        ("other", "instance", 5432),
        ("pooler", "operator", 8000),
    ],
)
def test_in_comes_not(may, pod, peer, port):
    assert not may(pod, "from", peer, port)


@pytest.mark.parametrize(
    ("pod", "peer", "port"),
    [
        *((pod, "pooler", 5432) for pod in ("api", "worker", "upgrade")),
        *((pod, "dns", 53) for pod in ("api", "worker", "upgrade", "pooler", "instance")),
        *((pod, "node's dns", 53) for pod in ("api", "worker", "upgrade", "pooler", "instance")),
        ("api", "internet", 443),
        ("api", "internet by IPv6", 443),
        ("pooler", "instance", 5432),
        ("instance", "instance", 5432),
        ("instance", "internet", 443),
        ("pooler", "restored", 5432),
        ("restore", "internet", 443),
        ("restore", "instance", 5432),
    ],
)
def test_out_goes(may, pod, peer, port):
    assert may(pod, "to", peer, port)


@pytest.mark.parametrize(
    ("pod", "peer", "port"),
    [
        ("api", "metadata", 443),
        ("api", "metadata", 53),
        ("api", "metadata by IPv6", 443),
        ("api", "node's dns", 443),
        ("api", "redis", 6379),
        ("api", "collector", 4318),
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


@pytest.mark.parametrize(("peer", "port"), [("redis", 6379), ("collector", 4318)])
def test_a_component_opens_the_way_to_what_it_needs(may_with_all, peer, port):
    assert may_with_all("api", "to", peer, port)
    assert not may_with_all("api", "to", peer, port + 1)
    assert not may_with_all("worker", "to", peer, port)
    assert not may_with_all("api", "to", "other", port)


def test_prometheus_finds_what_policies_let_it_scrape(production):
    """By the roles of the pods, and so a restored cluster as well."""
    monitors = {m["metadata"]["name"]: m["spec"]["selector"] for m in production.of("PodMonitor")}
    assert subset(monitors["discount-db"], INSTANCE)
    assert not subset(monitors["discount-db"], POOLER)
    assert subset(monitors["discount-pooler"], POOLER)
    assert not subset(monitors["discount-pooler"], INSTANCE)
