"""Where nearly every code of a form is taken, callers hear so, and nothing is half done."""

import pytest

from service.domain import codes
from tests.api.conftest import C
from tests.support.working import do_all

pytestmark = pytest.mark.own_database
CREATE = ("/v1/discount/create", {"brand": "brand1", "number_to_create": 2})
ADD = (f"{C}/codes", {"number_to_create": 2})
GENERATE = (f"{C}/jobs", {"kind": "generate", "count": 2})


@pytest.fixture
def full(client, auth, monkeypatch):
    """A brand that has the only code there is; leave the block of the patch to have more."""
    with monkeypatch.context() as patch:
        patch.setattr(codes, "_TABLE", b"A" * 256)
        body = {"brand": "brand1", "number_to_create": 1}
        assert ["A" * 12] == client.post(CREATE[0], json=body, headers=auth).json
        yield patch


@pytest.mark.parametrize(("path", "body"), [CREATE, ADD])
def test_a_call_is_refused_and_its_key_serves_once_there_are_codes(
    client, auth, full, changes, refused, path, body
):
    headers, before = auth | {"Idempotency-Key": "again"}, changes()
    problem = refused(client.post(path, json=body, headers=headers), 409, "code-space-exhausted")
    assert "A" * 12 not in str(problem)
    assert before == changes()
    full.undo()
    answer = client.post(path, json=body, headers=headers)
    assert (2, None) == (len(answer.json), answer.headers.get("Idempotent-Replayed"))


def test_a_job_fails_and_says_why(client, auth, full, changes, database):
    before = changes()
    queued = client.post(GENERATE[0], json=GENERATE[1], headers=auth)
    assert 202 == queued.status_code
    do_all(database)
    job = client.get(queued.headers["Location"], headers=auth).json
    assert ("failed", 0) == (job["state"], job["done"])
    assert "No new codes to be had" in job["detail"]
    assert before == changes()
