"""Bulk disabling and enabling over HTTP: who may, what is taken, and what a list reports."""

import pytest

from service.formats.list_form import ListType
from tests.api.conftest import C
from tests.api.views.test_campaigns import HOUR, moment
from tests.support.engines import on_sqlite
from tests.support.tokens import bearer
from tests.support.working import do_all

pytestmark = on_sqlite

JOBS, IMPORTS = f"{C}/jobs", f"{C}/imports"
ALL = {"created_after": "2020-01-01T00:00:00Z"}
MANAGE, CREATE = "discounts:manage", "discounts:create"


def order(kind="disable", where=ALL):
    return {"kind": kind, "where": where}


@pytest.fixture
def post(client):
    def send(body, query="", scope=MANAGE, **headers):
        return client.post(f"{JOBS}{query}", json=body, headers=bearer(scope=scope) | headers)

    return send


@pytest.fixture
def send(client):
    def post(content, query="?action=disable", scope=MANAGE, path=IMPORTS, **headers):
        headers = bearer(scope=scope) | {"Content-Type": ListType.CSV} | headers
        return client.post(f"{path}{query}", data=content, headers=headers)

    return post


@pytest.fixture
def ended(client, database, auth):
    """Run an accepted job, and return it."""

    def run(answer):
        assert 202 == answer.status_code, answer.text
        do_all(database)
        return client.get(answer.headers["Location"], headers=bearer(scope=MANAGE)).json

    return run


@pytest.fixture
def counts(client, auth):
    return lambda: {s: n for s, n in client.get(C, headers=auth).json["counts"].items() if n}


@pytest.fixture
def report(client):
    def rows(job):
        accept = bearer(scope=MANAGE) | {"Accept": "text/csv"}
        answer = client.get(f"{JOBS}/{job['id']}/report", headers=accept)
        return [tuple(line.split(",")[:2]) for line in answer.text.splitlines()[1:]]

    return rows


def test_a_selection_is_disabled_and_enabled(post, ended, counts, codes, client, auth):
    client.put(f"{C}/reservations/alice", headers=auth)
    asked = post(order())
    assert ("disable", "queued", 0, 10) == tuple(
        asked.json[name] for name in ("kind", "state", "done", "total")
    )
    job = ended(asked)
    assert ("succeeded", 10, 10, "10 codes are disabled.") == tuple(
        job[name] for name in ("state", "done", "total", "detail")
    )
    assert {"disabled": 10} == counts()
    dry = ended(post(order("enable", {"state": "disabled"}), "?dry_run=true"))
    assert (10, "10 codes would be enabled. Nothing was changed: it was a dry run.") == (
        dry["done"],
        dry["detail"],
    )
    assert {"disabled": 10} == counts()
    assert 1 == ended(post(order("enable", {"reserved_after": moment(-HOUR)})))["done"]
    assert {"disabled": 9, "reserved": 1} == counts()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (order(where={}), "/where"),
        (order(where=None), "/where"),
        ({"kind": "disable"}, "/where"),
        (order() | {"count": 5}, "/count"),
        ({"kind": "generate", "count": 1, "where": ALL}, "/where"),
        ({"kind": "generate"}, "/count"),
        (order("bake"), "/kind"),
        (order(where={"state": "redeemed"}), "/where/state"),
        (order(where={"state": "lost"}), "/where/state"),
        (order(where={"state": None}), "/where/state"),
        (order(where={"color": "x"}), "/where/color"),
        (order(where={"created_before": "2020-01-01"}), "/where/created_before"),
        (order(where={"created_before": None}), "/where/created_before"),
        (
            order(where=ALL | {"created_before": "2019-01-01T00:00:00Z"}),
            "/where/created_after",
        ),
    ],
)
def test_bad_orders(post, codes, refused, body, pointer):
    refused(post(body, scope=f"{MANAGE} {CREATE}"), 400, "invalid-request", pointer)


def test_a_dry_run_of_a_generation_is_none(post, codes, refused):
    answer = post({"kind": "generate", "count": 1}, "?dry_run=true", CREATE)
    refused(answer, 400, "invalid-request", "/dry_run")


class TestScopes:
    """Each kind of job has its scope, which is looked at before a repetition is answered."""

    def test_of_new_jobs(self, post, send, codes, refused, client):
        generate = {"kind": "generate", "count": 1}
        for answer in (
            post(order(), scope=CREATE),
            post(generate, scope=MANAGE),
            post(order(), scope="discounts:read"),
            send("AAAA", scope=CREATE),
            send("AAAA", "", scope=MANAGE),
        ):
            refused(answer, 403, "forbidden")
        assert 202 == post(generate, scope=CREATE).status_code
        assert 202 == post(order()).status_code
        assert 202 == send("AAAA").status_code
        assert 202 == send("AAAA", "", scope=CREATE).status_code

    def test_before_replay(self, post, codes, refused):
        key = {"Idempotency-Key": "k"}
        first = post(order(), **key)
        again = post(order(), **key)
        assert (first.json, "true") == (again.json, again.headers["Idempotent-Replayed"])
        refused(post(order(), scope=CREATE, **key), 403, "forbidden")
        refused(post(order(), "?dry_run=true", **key), 409, "conflict")
        refused(post(order("enable"), **key), 409, "conflict")

    def test_of_lists_before_replay(self, send, codes, refused):
        key = {"Idempotency-Key": "k"}
        first = send(codes[0], **key)
        assert first.json == send(codes[0], **key).json
        refused(send(codes[0], scope=CREATE, **key), 403, "forbidden")
        refused(send(codes[0], "?action=enable", **key), 409, "conflict")
        refused(send(codes[0], "", scope=CREATE, **key), 409, "conflict")

    def test_to_cancel_and_to_look(self, post, codes, refused, client):
        path = post(order()).headers["Location"]
        made = post({"kind": "generate", "count": 1}, scope=CREATE).headers["Location"]
        for wanted, job in ((MANAGE, path), (CREATE, made)):
            other = ({MANAGE, CREATE} - {wanted}).pop()
            for scope in (wanted, other):
                headers = bearer(scope=scope)
                for url in (job, JOBS, f"{job}/report"):
                    assert 200 == client.get(url, headers=headers, buffered=True).status_code
            refused(client.delete(job, headers=bearer(scope=other)), 403, "forbidden")
            gone = client.delete(job, headers=bearer(scope=wanted))
            assert (200, "cancelled") == (gone.status_code, gone.json["state"])


def test_an_archived_campaign_neither_refuses_nor_cancels_it(
    post, send, ended, codes, client, auth, counts
):
    before = post(order(where={"state": "expired"})).headers["Location"]
    assert 204 == client.delete(C, headers=auth).status_code
    assert "queued" == client.get(before, headers=auth).json["state"]
    assert 10 == ended(post(order()))["done"]
    assert 1 == ended(send(codes[0], "?action=enable"))["done"]
    assert {"available": 1, "disabled": 9} == counts()


def test_a_campaign_is_not_made(post, send, codes, client, refused):
    headers = bearer(scope=MANAGE)
    for brand, slug in (("brand1", "campaign-not-found"), ("brand2", "brand-not-found")):
        name = "none" if brand == "brand1" else "default"
        path = f"/v1/brands/{brand}/campaigns/{name}"
        refused(client.post(f"{path}/jobs", json=order(), headers=headers), 404, slug)
        refused(send("AAAA", path=f"{path}/imports"), 404, slug)


def test_a_list_is_changed_and_what_cannot_be_is_reported(
    send, ended, report, codes, client, auth, counts
):
    held = client.put(f"{C}/reservations/alice", headers=auth).json["discount_code"]
    redemption = f"/v1/brands/brand1/codes/{held}/redemption"
    client.put(redemption, json={"reference": "o", "user": "alice"}, headers=auth)
    retired = client.put(f"{C}/reservations/bob", headers=auth).json["discount_code"]
    client.delete(f"{C}/reservations/bob", headers=auth)
    first, second = [code for code in codes if code not in {held, retired}][:2]
    lines = f"code\n{first}\nUNKNOWN\n{held}\n!\n{second}\n{first}\n{retired}\n"
    dry = ended(send(lines, "?action=disable&dry_run=true"))
    assert {"available": 8, "redeemed": 1, "disabled": 1} == counts()
    job = ended(send(lines))
    assert ("succeeded", 3, 4, 7) == tuple(
        job[name] for name in ("state", "done", "failed", "total")
    )
    assert "3 codes are disabled, 4 lines were refused." == job["detail"]
    assert (dry["done"], dry["failed"]) == (job["done"], job["failed"])
    refusals = [
        *(("3", "unknown-code"), ("4", "redeemed"), ("5", "length")),
        ("7", "twice-in-file"),
    ]
    assert refusals == report(job) == report(dry)
    assert {"available": 6, "redeemed": 1, "disabled": 3} == counts()
    back = ended(send(f"{first}\n{second}\n{retired}\n", "?action=enable"))
    assert (2, 1, [("3", "retired")]) == (back["done"], back["failed"], report(back))
    assert {"available": 8, "redeemed": 1, "disabled": 1} == counts()


def test_an_unreadable_list_changes_nothing(send, ended, codes, counts):
    job = ended(send(f"voucher;name\n{codes[0]};x\n"))
    assert "failed" == job["state"]
    assert job["detail"].endswith("Nothing was changed.")
    assert {"available": 10} == counts()


@pytest.mark.parametrize("query", ["?action=generate", "?action=import", "?action=", "?action=x"])
def test_another_action_is_refused(send, codes, refused, query):
    refused(send("AAAA", query, f"{MANAGE} {CREATE}"), 400, "invalid-request", "/action")


def test_cancelling_says_what_stays(post, codes, client):
    headers = bearer(scope=MANAGE)
    texts = {
        "": "Cancelled. Codes that were disabled stay so.",
        "?dry_run=true": "Cancelled. Nothing was changed: it was a dry run.",
    }
    for query, detail in texts.items():
        path = post(order(), query).headers["Location"]
        assert detail == client.delete(path, headers=headers).json["detail"]
