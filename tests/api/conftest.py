"""Fixtures of the API tests: a brand with codes, and the check of a problem."""

import re
from urllib.parse import unquote

import pytest

pytest.register_assert_rewrite("tests.api.contract.compared", "tests.api.contract.model")

C = "/v1/brands/brand1/campaigns/default"
LEAK = re.compile(r"sqlite|sqlalchemy|select |traceback|\.py|marshmallow", re.IGNORECASE)


@pytest.fixture
def codes(client, auth):
    """Ten codes of brand1."""
    answer = client.post(
        "/v1/discount/create", json={"brand": "brand1", "number_to_create": 10}, headers=auth
    )
    return answer.json


@pytest.fixture
def changes(database):
    """Return the database's content, to show that a refusal changed nothing."""

    def snapshot():
        with database.read() as connection:
            return {
                table: connection.exec_driver_sql(f"SELECT * FROM {table}").all()
                for table in ("brand", "campaign", "tally", "code")
            }

    return snapshot


@pytest.fixture
def refused():
    """Check that an answer is the expected problem, complete and without a leak."""

    def check(answer, status, slug, pointer=None):
        assert status == answer.status_code, answer.text
        assert "application/problem+json" == answer.content_type
        problem = answer.json
        assert f"/problems/{slug}" == problem["type"]
        assert status == problem["status"]
        assert problem["title"]
        assert problem["detail"]
        assert answer.headers["X-Request-ID"] == problem["request_id"]
        assert answer.request.path == unquote(problem["instance"])
        assert not LEAK.search(answer.text)
        if status in {429, 503}:
            assert int(answer.headers["Retry-After"]) > 0
        if pointer is not None:
            assert pointer in [error["pointer"] for error in problem["errors"]]
            assert all(error["detail"] for error in problem["errors"])
        return problem

    return check
