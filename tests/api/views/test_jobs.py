"""Jobs over HTTP: requested, monitored, cancelled."""

import pytest

from service.domain.jobs import MAX_GENERATED, MAX_OPEN
from tests.api.conftest import C
from tests.support.tokens import bearer
from tests.support.working import do_all

JOBS = f"{C}/jobs"


@pytest.fixture
def ask(client, auth):
    """Request a job."""

    def post(count=10, path=JOBS, **headers):
        body = {"kind": "generate", "count": count}
        return client.post(path, json=body, headers={**auth, **headers})

    return post


def test_a_job_is_accepted_and_says_where_to_watch_it(client, auth, ask):
    answer = ask(2500)
    assert 202 == answer.status_code
    job = answer.json
    assert f"{JOBS}/{job['id']}" == answer.headers["Location"]
    assert ("generate", "queued", 0, 2500, 0) == tuple(
        job[name] for name in ("kind", "state", "done", "total", "failed")
    )
    assert job == client.get(answer.headers["Location"], headers=auth).json


def test_a_job_makes_exactly_the_codes_that_were_asked_for(client, auth, ask, database):
    location = ask(2500).headers["Location"]
    do_all(database)
    job = client.get(location, headers=auth).json
    assert ("succeeded", 2500) == (job["state"], job["done"])
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]
    assert 2500 == client.get(C, headers=auth).json["counts"]["available"]


def test_a_brands_first_job_makes_the_brand_and_its_campaign_default(client, auth, ask):
    assert 404 == client.get(C, headers=auth).status_code
    assert 202 == ask().status_code
    assert 0 == client.get(C, headers=auth).json["counts"]["available"]


def test_another_unknown_campaign_is_not_made(ask, refused, changes):
    before = changes()
    refused(ask(path="/v1/brands/brand1/campaigns/summer/jobs"), 404, "brand-not-found")
    assert before == changes()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "generate", "count": 0}, "/count"),
        ({"kind": "generate", "count": MAX_GENERATED + 1}, "/count"),
        ({"kind": "generate", "count": "10"}, "/count"),
        ({"kind": "generate", "count": 10.0}, "/count"),
        ({"kind": "generate", "count": True}, "/count"),
        ({"kind": "generate"}, "/count"),
        ({"kind": "import", "count": 10}, "/kind"),
        ({"kind": "other", "count": 10}, "/kind"),
        ({"count": 10}, "/kind"),
        ({"kind": "generate", "count": 10, "more": 1}, "/more"),
    ],
)
def test_a_wrong_order_is_refused(client, auth, refused, changes, body, pointer):
    before = changes()
    refused(client.post(JOBS, json=body, headers=auth), 400, "invalid-request", pointer)
    assert before == changes()


def test_a_repeated_request_gets_the_first_answer_and_no_second_job(client, auth, ask, database):
    first = ask(5, **{"Idempotency-Key": "once"})
    do_all(database)
    again = ask(5, **{"Idempotency-Key": "once"})
    assert (202, first.json) == (again.status_code, again.json)
    assert first.headers["Location"] == again.headers["Location"]
    assert "true" == again.headers["Idempotent-Replayed"]
    assert 1 == len(client.get(JOBS, headers=auth).json["items"])


def test_a_key_with_another_body_is_a_conflict(ask, refused):
    ask(5, **{"Idempotency-Key": "once"})
    refused(ask(6, **{"Idempotency-Key": "once"}), 409, "conflict")


def test_a_brand_has_so_many_open_jobs_and_no_more(client, auth, ask, refused, database):
    jobs = [ask().json["id"] for _ in range(MAX_OPEN)]
    refused(ask(), 429, "too-many-jobs")
    assert 202 == ask(path="/v1/brands/brand2/campaigns/default/jobs").status_code
    client.delete(f"{JOBS}/{jobs[0]}", headers=auth)
    assert 202 == ask().status_code
    do_all(database)
    assert 202 == ask().status_code


def test_the_list_has_every_job_once_the_newest_first(client, auth, ask):
    asked = [ask().json["id"] for _ in range(5)]
    listed, path = [], f"{JOBS}?limit=2"
    while path:
        page = client.get(path, headers=auth).json
        listed += [job["id"] for job in page["items"]]
        path = page["next_cursor"] and f"{JOBS}?limit=2&cursor={page['next_cursor']}"
    assert sorted(asked, reverse=True) == listed


def test_a_job_belongs_to_its_campaign(client, auth, ask, refused):
    job = ask().json["id"]
    ask(path="/v1/brands/brand2/campaigns/default/jobs")
    other = "/v1/brands/brand2/campaigns/default/jobs"
    assert job not in {found["id"] for found in client.get(other, headers=auth).json["items"]}
    refused(client.get(f"{other}/{job}", headers=auth), 404, "job-not-found")
    refused(client.delete(f"{other}/{job}", headers=auth), 404, "job-not-found")


def test_a_cancelled_job_says_what_stays_and_is_done_no_further(client, auth, ask, database):
    location = ask().headers["Location"]
    cancelled = client.delete(location, headers=auth)
    assert (200, "cancelled") == (cancelled.status_code, cancelled.json["state"])
    assert "0 codes" in cancelled.json["detail"]
    do_all(database)
    assert cancelled.json == client.delete(location, headers=auth).json
    assert 0 == client.get(C, headers=auth).json["counts"]["available"]


def test_a_job_that_has_succeeded_cannot_be_cancelled(client, auth, ask, refused, database):
    location = ask().headers["Location"]
    do_all(database)
    refused(client.delete(location, headers=auth), 409, "conflict")
    assert "succeeded" == client.get(location, headers=auth).json["state"]


@pytest.mark.parametrize("method", ["post", "get"])
def test_the_jobs_of_a_brand_that_the_token_does_not_name_do_not_exist(
    client, ask, refused, method
):
    ask()
    answer = client.open(
        JOBS,
        method=method.upper(),
        json={"kind": "generate", "count": 1} if method == "post" else None,
        headers=bearer(brands=["other"]),
    )
    refused(answer, 404, "brand-not-found")
