"""Fixtures of attacks by tokens: a service with secrets, and one with public keys."""

import json
from dataclasses import replace

import pytest

from tests.api.auth.attacks.forging import PUBLIC_JWK
from tests.support.installation import application


@pytest.fixture
def engine():
    """Authentication reaches no database."""
    return "sqlite"


@pytest.fixture
def attack(client, refused, changes):
    """Send a token with a call that would change something, and require that it is refused."""

    def send(bad, to=client, header=None):
        before = changes()
        answer = to.post(
            "/v1/discount/create",
            json={"brand": "brand1", "number_to_create": 1},
            headers={"Authorization": header or f"Bearer {bad}"},
        )
        refused(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert before == changes()

    return send


@pytest.fixture(scope="module")
def rs_client(tmp_path_factory, installations):
    """A client of a service on the same database that trusts one public RSA key, "k"."""
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    file.write_text(json.dumps({"keys": [PUBLIC_JWK | {"kid": "k"}]}))
    shared = installations("sqlite")
    trusting = replace(shared.settings, jwt_secret=None, jwt_keys_file=file)
    with application(trusting, shared.log) as app:
        yield app.test_client()
