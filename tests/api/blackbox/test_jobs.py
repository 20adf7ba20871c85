"""Jobs, imports and exports as a caller sees them; the service needs a worker beside it."""

import time

import pytest

WITHIN_S = 60


@pytest.fixture
def campaign(brand):
    return f"/v1/brands/{brand}/campaigns/default"


@pytest.fixture
def ended(call):
    """Wait until the job that an answer names has ended, and return it."""

    def wait(answer):
        assert 202 == answer.status_code, answer.text
        deadline = time.monotonic() + WITHIN_S
        while (job := call("GET", answer.headers["Location"]).json())["state"] in OPEN:
            assert time.monotonic() < deadline, f"{job}: does a worker run?"
            time.sleep(0.1)
        return job

    return wait


OPEN = ("queued", "running")


@pytest.fixture
def send(call, campaign):
    """Send a list of codes."""

    def post(content, query=""):
        headers = {"Authorization": f"Bearer {call.token}", "Content-Type": "text/csv"}
        return call("POST", f"{campaign}/imports{query}", data=content, headers=headers)

    return post


def test_a_job_makes_as_many_codes_as_were_asked_for(call, campaign, ended):
    asked = call("POST", f"{campaign}/jobs", json={"kind": "generate", "count": 5000})
    assert asked.headers["Location"] == f"{campaign}/jobs/{asked.json()['id']}"
    job = ended(asked)
    assert ("succeeded", 5000, 5000, 0) == (job["state"], job["done"], job["total"], job["failed"])
    assert [job] == call("GET", f"{campaign}/jobs").json()["items"]
    assert 5000 == call("GET", campaign).json()["counts"]["available"]
    late = call("DELETE", asked.headers["Location"])
    assert (409, "/problems/conflict") == (late.status_code, late.json()["type"])


def test_what_a_cancelled_job_has_made_stays(call, campaign, ended):
    body = {"kind": "generate", "count": 10_000_000}
    asked = call("POST", f"{campaign}/jobs", json=body)
    assert 200 == call("DELETE", asked.headers["Location"]).status_code
    job = ended(asked)
    assert ("cancelled", job["done"]) == (
        job["state"],
        call("GET", campaign).json()["counts"]["available"],
    )


def test_a_list_is_taken_in_wholly_or_not_at_all(call, campaign, send, ended):
    refused = ended(send("code\nSUMMER-1\nno\nSUMMER-1\n"))
    assert ("failed", 2) == (refused["state"], refused["failed"])
    report = call("GET", f"{campaign}/jobs/{refused['id']}/report").text.splitlines()
    assert ["line", "3", "4"] == [line.split(",")[0] for line in report]
    assert "succeeded" == ended(send("code\nSUMMER-1\n", "?dry_run=true"))["state"]
    assert 0 == sum(call("GET", campaign).json()["counts"].values())

    taken = ended(send("SUMMER-1\nSUMMER-2\n"))
    assert ("succeeded", 2, 0) == (taken["state"], taken["done"], taken["failed"])
    export = call("GET", f"{campaign}/export")
    assert export.headers["Content-Type"].startswith("text/csv")
    codes = [line.split(",")[0] for line in export.text.splitlines()]
    assert ("code", {"SUMMER-1", "SUMMER-2"}) == (codes[0], set(codes[1:]))
    again = ended(send(export.content))
    assert ("failed", 2) == (again["state"], again["failed"])


@pytest.mark.parametrize("body", [{}, {"kind": "generate"}, {"kind": "no", "count": 1}])
def test_bad_input_is_named(call, campaign, body):
    answer = call("POST", f"{campaign}/jobs", json=body)
    assert (400, True) == (answer.status_code, bool(answer.json()["errors"]))
