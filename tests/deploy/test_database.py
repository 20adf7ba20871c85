"""The PostgreSQL of production: the settings of CloudNativePG match the service's needs."""

import re

import pytest

from service.store.postgresql.conninfo import SERVER_SETTINGS
from tests.support.manifests import K8S


@pytest.fixture
def cluster(production):
    return production.one("Cluster", "discount-db")["spec"]


@pytest.fixture
def pooler(production):
    return production.one("Pooler", "discount-pooler")["spec"]


def test_an_answer_outlives_the_loss_of_any_one_server(cluster):
    """docs/postgresql.md: a standby has every commit first, and none is promoted without them."""
    assert cluster["instances"] >= 3
    assert cluster["postgresql"]["synchronous"] == {
        "method": "any",
        "number": 1,
        "dataDurability": "required",
        "failoverQuorum": True,
    }


def test_sessions_get_from_the_database_what_the_pooler_drops(cluster):
    set_there = {}
    for statement in cluster["bootstrap"]["initdb"]["postInitApplicationSQL"]:
        found = re.fullmatch(r"ALTER DATABASE discount SET (\w+) = '?(\w+)'?", statement)
        assert found
        set_there[found[1]] = found[2]
    assert SERVER_SETTINGS == set_there


def test_the_pooler_tracks_the_prepared_statements_of_the_service(pooler, production):
    """In transaction mode, it must know them: each transaction may be on another connection."""
    assert pooler["pgbouncer"]["poolMode"] == "transaction"
    assert production.settings["DISCOUNT_PREPARED_STATEMENTS"] == "true"
    assert int(pooler["pgbouncer"]["parameters"]["max_prepared_statements"]) >= 100, (
        "as many as psycopg keeps on a connection (prepared_max)"
    )


def test_poolers_leave_connections_to_the_operator(cluster, pooler):
    size = int(pooler["pgbouncer"]["parameters"]["default_pool_size"])
    most = int(cluster["postgresql"]["parameters"]["max_connections"])
    assert pooler["instances"] * size <= most - 20


def test_the_pooler_takes_what_all_servers_may_open(pooler, production):
    """The connections as docs/postgresql.md counts them, with the default threads."""
    processes = int(production.settings["WEB_CONCURRENCY"])
    pods = production.one("HorizontalPodAutoscaler")["spec"]["maxReplicas"]
    workers = production.one("Deployment", "discount-worker")["spec"]["replicas"]
    wanted = pods * (processes * (16 + 4) + 2) + workers * 5
    most = int(pooler["pgbouncer"]["parameters"]["max_client_conn"])
    assert wanted <= most * pooler["instances"] / 2, "one pooler alone must take them, too"


def test_the_certificate_is_checked_and_names_the_pooler(cluster, pooler, production):
    assert production.settings["PGSSLMODE"] == "verify-full"
    assert production.one("Pooler", "discount-pooler")["spec"] == pooler
    assert cluster["certificates"]["serverAltDNSNames"] == ["discount-pooler"]
    assert "@discount-pooler/discount" in (K8S / "README.md").read_text()
    mounts = {m["name"]: m["mountPath"] for m in production.container("api")["volumeMounts"]}
    assert production.settings["PGSSLROOTCERT"] == f"{mounts['database-ca']}/ca.crt"


def test_one_secret_is_the_database_users_and_the_services(cluster, production):
    """A changed password reaches the server and the pooler."""
    (volume,) = (
        volume["secret"]
        for volume in production.templates["api"]["spec"]["volumes"]
        if volume["name"] == "database"
    )
    assert cluster["bootstrap"]["initdb"]["secret"]["name"] == volume["secretName"]
    assert [{"key": "url", "path": "url"}] == volume["items"]


def test_backups_go_where_the_write_ahead_log_goes(cluster, production):
    (plugin,) = cluster["plugins"]
    (backup,) = production.of("ScheduledBackup")
    (store,) = production.of("ObjectStore")
    assert plugin["isWALArchiver"] is True
    assert backup["spec"]["pluginConfiguration"]["name"] == plugin["name"]
    assert plugin["parameters"]["barmanObjectName"] == store["metadata"]["name"]
    assert {backup["spec"]["cluster"]["name"]} == {
        found["spec"]["cluster"]["name"] for found in production.of("Pooler")
    }
