"""Problems: every error has the same form, and leaks nothing."""

import json
import re

import pytest
from werkzeug.exceptions import HTTPException

from service.api.problems.catalogue import PROBLEM_TYPES
from service.app import services_of
from service.domain.errors import ServiceError, Unavailable

CONTRACT_SLUGS = {
    "invalid-request",
    "unauthenticated",
    "forbidden",
    "not-found",
    "method-not-allowed",
    "brand-not-found",
    "campaign-not-found",
    "code-not-found",
    "reservation-not-found",
    "job-not-found",
    "no-codes-left",
    "conflict",
    "too-large",
    "unsupported-media-type",
    "rate-limited",
    "unavailable",
    "internal-error",
}
SECRET_TEXT = "SELECT the-secret FROM /etc/passwd"  # noqa: S105


@pytest.fixture
def engine():
    """One function writes all problems."""
    return "sqlite"


def test_every_slug_of_the_contract_has_a_problem():
    assert {problem.slug for problem in PROBLEM_TYPES} >= CONTRACT_SLUGS
    assert len(PROBLEM_TYPES) == len({problem.slug for problem in PROBLEM_TYPES})


def test_every_error_has_one_problem():
    errors = {
        each for each in ServiceError.__subclasses__() if each.__module__.startswith("service.")
    }
    assert errors == {problem.error for problem in PROBLEM_TYPES}
    assert len(PROBLEM_TYPES) == len(errors)


@pytest.mark.parametrize("problem", PROBLEM_TYPES, ids=lambda problem: problem.slug)
def test_every_problem_has_a_page_that_says_what_to_do(client, problem):
    page = client.get(f"/problems/{problem.slug}")
    assert 200 == page.status_code
    assert "text/html; charset=utf-8" == page.content_type
    assert problem.title in page.text
    assert "What to do" in page.text
    assert str(problem.status) in page.text


def test_one_page_lists_them_all(client):
    page = client.get("/problems/")
    listed = re.findall(r'href="/problems/([a-z-]+)"', page.text)
    assert {problem.slug for problem in PROBLEM_TYPES} == set(listed)
    assert len(listed) == len(PROBLEM_TYPES)


def test_no_other_page(client, refused):
    refused(client.get("/problems/nothing"), 404, "not-found")


@pytest.fixture
def failing(monkeypatch, store):
    """Make the store fail when a brand is shown."""

    def fail(error):
        def raise_it(*_):
            raise error

        monkeypatch.setattr(type(store), "brand", raise_it)

    return fail


@pytest.mark.parametrize(
    "error", [RuntimeError(SECRET_TEXT), KeyError(SECRET_TEXT), RecursionError(), MemoryError()]
)
def test_an_exception_that_nobody_foresaw(client, auth, refused, log, failing, error):
    """The caller learns nothing of the error; the log has its type and place, but not its text."""
    failing(error)
    answer = client.get("/v1/brands/brand1", headers=auth)
    problem = refused(answer, 500, "internal-error")
    assert "secret" not in answer.text
    assert "the-secret" not in log.text
    lines = [json.loads(line) for line in log.text.splitlines()]
    failed = next(line for line in lines if line["event"] == "request_failed")
    assert "error" == failed["level"]
    assert problem["request_id"] == failed["request_id"]
    assert f"builtins.{type(error).__name__}" == failed["exception"][0]
    assert any("raise_it" in frame for frame in failed["stack"])
    of_this = [line for line in lines if problem["request_id"] == line.get("request_id")]
    assert [("request_failed", "error"), ("request", "warning")] == [
        (line["event"], line["level"]) for line in of_this
    ]


def test_unavailable_says_when_to_come_back(client, auth, refused, failing):
    failing(Unavailable())
    refused(client.get("/v1/brands/brand1", headers=auth), 503, "unavailable")


@pytest.mark.parametrize(
    ("status", "ours", "slug"),
    [(418, 400, "invalid-request"), (501, 500, "internal-error")],
)
def test_what_the_framework_refuses_is_a_problem_too(
    client, auth, refused, failing, status, ours, slug
):
    class Foreign(HTTPException):
        code = status
        description = SECRET_TEXT

    failing(Foreign())
    answer = client.get("/v1/brands/brand1", headers=auth)
    refused(answer, ours, slug)
    assert "secret" not in answer.text


class TestRequestId:
    def test_a_sane_one_is_kept(self, client):
        answer = client.get("/livez", headers={"X-Request-ID": "abc-123.x:y"})
        assert "abc-123.x:y" == answer.headers["X-Request-ID"]

    @pytest.mark.parametrize("given", ["", "x" * 129, "a b", "é", '"', "a,b", "<script>"])
    def test_another_is_replaced(self, client, given):
        answer = client.get("/livez", headers={"X-Request-ID": given})
        assert given != answer.headers["X-Request-ID"]
        assert 32 == len(answer.headers["X-Request-ID"])

    def test_every_answer_has_one_of_its_own(self, client):
        seen = {
            client.get(path).headers["X-Request-ID"]
            for path in ("/livez", "/v1/brands", "/nothing", "/apidocs/", "/problems/conflict")
        }
        assert 5 == len(seen)


def test_what_fails_to_watch_a_call_does_not_fail_it(app, client, log, monkeypatch):
    monkeypatch.setattr(services_of(app).metrics, "request", lambda *_: 1 / 0)
    assert 200 == client.get("/problems/conflict").status_code
    events = [json.loads(line)["event"] for line in log.text.splitlines()]
    assert ["request_not_observed", "request"] == events[-2:]
