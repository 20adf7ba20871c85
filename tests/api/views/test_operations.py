"""Probes, log lines and metrics."""

import json
import re
import threading
import time

import jwt
import pytest
from prometheus_client import generate_latest
from sqlalchemy import Engine, event

from service.app import services_of
from tests.api.conftest import C
from tests.support.engines import on_sqlite
from tests.support.tokens import SECRET, bearer, claims, token

FIELDS = [
    "timestamp",
    "level",
    "event",
    "request_id",
    "trace_id",
    "method",
    "route",
    "status",
    "duration_ms",
    "caller",
    "brand",
    "campaign",
    "user_ref",
    "outcome",
    "problem",
    "refusal",
    "peer",
    "sent_bytes",
]


@pytest.fixture
def lines(log):
    return lambda: [json.loads(line) for line in log.text.splitlines()]


class TestLog:
    def test_one_line_a_request_with_every_field(self, client, auth, lines):
        client.get("/v1/discount/fetch/brand1/user1", headers=auth | {"X-Request-ID": "r1"})
        (line,) = lines()
        assert FIELDS == list(line)
        assert {
            "event": "request",
            "level": "info",
            "request_id": "r1",
            "method": "GET",
            "route": "/v1/discount/fetch/{brand}/{user}",
            "status": 404,
            "caller": "tests",
            "brand": "brand1",
            "outcome": "refused",
            "problem": "brand-not-found",
            "peer": "127.0.0.1",
        }.items() <= line.items()
        assert line["duration_ms"] > 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])

    def test_outcomes(self, client, auth, codes, lines):
        for number in range(11):
            client.put(f"{C}/reservations/u{number}", headers=auth)
        client.put(f"{C}/reservations/u0", headers=auth)
        client.get(C, headers=auth)
        outcomes = [line["outcome"] for line in lines()]
        assert ["created", *["new"] * 10, "exhausted", "repeated", "ok"] == outcomes

    def test_a_trace_is_named(self, client, lines):
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        for given in (f"00-{trace}-00f067aa0ba902b7-01", f"00-{'0' * 32}-00f067aa0ba902b7-01", "x"):
            client.get("/openapi.json", headers={"traceparent": given})
        assert [trace, None, None] == [line["trace_id"] for line in lines()]

    def test_a_refused_caller_is_named_and_a_stranger_is_not(self, client, lines):
        client.get("/v1/brands", headers=bearer(sub="billing", scope=""))
        client.get("/v1/brands/brand1", headers=bearer(sub="billing", exp=1))
        assert [("billing", "scope"), (None, "expired")] == [
            (line["caller"], line["refusal"]) for line in lines()
        ]
        assert {"127.0.0.1"} == {line["peer"] for line in lines()}

    def test_a_user_has_one_pseudonym(self, client, auth, codes, lines):
        client.get("/v1/discount/fetch/brand1/alice", headers=auth)
        client.put(f"{C}/reservations/alice", headers=auth)
        client.put(f"{C}/reservations/bob", headers=auth)
        alice, again, bob = (line["user_ref"] for line in lines()[1:])
        assert alice == again != bob
        assert re.fullmatch("[0-9a-f]{16}", alice)

    def test_nothing_secret_is_logged(self, client, auth, lines, log):
        """No code, token or user id is logged, not even inside a path."""
        user = "user-with-a-name"
        created = client.post(
            "/v1/discount/create", json={"brand": "brand1", "number_to_create": 3}, headers=auth
        ).json
        bad = token(aud="elsewhere")
        for path in (
            f"/v1/discount/fetch/brand1/{user}",
            f"/v1/discount/fetch/brand1/{user}?x={user}",
            f"/v1/discount/fetch/brand1/{user}/{user}",
            f"/v1/discount/fetch/{user}%00/{user}",
            f"/{user}/{created[0]}",
            f"{C}/codes/{created[0]}",
            f"{C}/codes?cursor={user}",
        ):
            for headers in (auth, {}, {"Authorization": f"Bearer {bad}"}, bearer(brands=["x"])):
                client.get(path, headers=headers)
                client.put(path, headers=headers)
        secrets = {user, *created, bad, bad.split(".")[2], auth["Authorization"].split(".")[2]}
        assert len(lines()) > 40
        assert not [secret for secret in secrets if secret in log.text]


@pytest.mark.own_database
class TestMetrics:
    @pytest.fixture
    def samples(self, app):
        return lambda: generate_latest(services_of(app).metrics.registry).decode()

    def test_requests_are_counted_by_route_template(self, client, auth, codes, samples):
        client.get("/v1/discount/fetch/brand1/someone", headers=auth)
        client.get("/nowhere/at-all")
        client.open("/livez", method="BREW")
        text = samples()
        for line in (
            'discount_http_requests_total{method="GET",route="/v1/discount/fetch/{brand}/{user}"',
            'discount_http_requests_total{method="GET",route="unmatched",status="401"} 1.0',
            'discount_http_requests_total{method="other",route="unmatched",status="405"} 1.0',
        ):
            assert line in text
        assert "someone" not in text
        assert "at-all" not in text

    def test_business_is_counted(self, client, auth, codes, samples):
        for number in range(11):
            client.put(f"{C}/reservations/u{number}", headers=auth)
        client.put(f"{C}/reservations/u0", headers=auth)
        text = samples()
        for line in (
            "discount_codes_created_total 10.0",
            'discount_reservations_total{outcome="new"} 10.0',
            'discount_reservations_total{outcome="exhausted"} 1.0',
            'discount_reservations_total{outcome="repeated"} 1.0',
        ):
            assert line in text

    def test_the_guards_refusals_are_counted_by_reason(self, client, auth, codes, samples):
        good = token().rpartition(".")
        for headers in (
            {},
            {"Authorization": "Basic x"},
            bearer(exp=1),
            bearer(iat=int(time.time()) + 60),
            {"Authorization": f"Bearer {jwt.encode(claims(), SECRET, headers={'kid': 'x'})}"},
            {"Authorization": "Bearer x"},
            {"Authorization": f"Bearer {good[0]}.{good[2][::-1]}"},
            bearer(aud="elsewhere"),
            bearer(scope="discounts:create"),
            bearer(brands=["brand2"]),
            auth,
        ):
            client.get("/v1/brands/brand1", headers=headers)
        body = {"brand": "brand1", "number_to_create": 1}
        client.post("/v1/discount/create", json=body, headers=bearer(brands=["brand2"]))
        client.get("/v1/brands/ghost", headers=auth)
        counted = re.findall(r'discount_auth_refusals_total{reason="(\w+)"} (\d+)', samples())
        assert {
            "no_token": "2",
            "expired": "1",
            "not_yet": "1",
            "unknown_key": "1",
            "elsewhere": "1",
            "invalid": "2",
            "scope": "1",
            "brand": "2",
        } == dict(counted)


@pytest.mark.own_database
class TestProbes:
    def test_liveness_touches_nothing(self, client, database, monkeypatch):
        monkeypatch.setattr(type(database), "read", None)
        assert {"status": "ok"} == client.get("/livez").json

    def test_ready(self, client):
        answer = client.get("/readyz")
        assert 200 == answer.status_code
        checks = dict.fromkeys(("drain", "database", "tables", "keys"), "ok")
        assert checks == answer.json["checks"]

    @pytest.mark.parametrize(("revision", "status"), [("0000", 503), ("9999", 200)])
    def test_tables_of_another_version(self, client, database, revision, status):
        """Newer tables are accepted: a roll-out migrates while the old version still serves."""
        with database.transaction() as connection:
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        answer = client.get("/readyz")
        assert status == answer.status_code
        assert "ok" == answer.json["checks"]["database"]
        assert (revision in answer.json["checks"]["tables"]) == (status == 503)
        assert ("Retry-After" in answer.headers) == (status == 503)

    @on_sqlite  # tests/process/database/test_database_faults.py has PostgreSQL's
    def test_a_database_that_is_gone(self, client, store, tmp_path):
        store.close()
        (tmp_path / "discount.db").rename(tmp_path / "elsewhere")
        (tmp_path / "discount.db").mkdir()
        answer = client.get("/readyz")
        assert 503 == answer.status_code
        assert "another file is in its place" == answer.json["checks"]["database"]
        assert 200 == client.get("/livez").status_code

    @on_sqlite
    def test_a_database_that_is_none(self, client, auth, store, refused, tmp_path):
        """An error of the database that is not the caller's fault is a 503."""
        store.close()
        (tmp_path / "discount.db").write_bytes(b"no database at all" * 1000)
        refused(client.get("/v1/brands", headers=auth), 503, "unavailable")
        assert 503 == client.get("/readyz").status_code

    def test_a_check_that_hangs_is_not_waited_for(self, client):
        """Readiness answers within a second or so, however long the database takes."""
        hang = threading.Event()

        def wait(*_):
            hang.wait(20)

        event.listen(Engine, "before_cursor_execute", wait)
        try:
            answer = client.get("/readyz")
        finally:
            hang.set()
            event.remove(Engine, "before_cursor_execute", wait)
        assert 503 == answer.status_code
        checks = answer.json["checks"]
        assert ("timed out", "ok") == (checks["database"], checks["keys"])
