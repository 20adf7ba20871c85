"""Keys and secrets that rotate while the service runs, as callers and logs see it."""

import json
import time
from types import SimpleNamespace

import pytest

from service.app import create_app, services_of
from service.auth.keys import file_watcher
from service.container.services import build
from service.settings import load_settings
from service.store.maintenance.upgrade import upgrade
from tests.support.engines import on_sqlite
from tests.support.issuer import Issuer, serving
from tests.support.tokens import SECRET, bearer, forged, part

OTHER = "another secret of the tests, as long as it must be"


@pytest.fixture
def later(monkeypatch):
    """Let the interval pass after which files are checked again."""
    passed = 0.0

    def skip():
        nonlocal passed
        passed += file_watcher.POLL_INTERVAL_S

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed)
    monkeypatch.setattr(file_watcher, "time", clock)
    return skip


@pytest.fixture
def client_of(monkeypatch, tmp_path, log):
    """Build an application from the environment, as gunicorn does."""
    made = []

    def make(**environment):
        monkeypatch.setenv("DISCOUNT_DATABASE_URL", f"sqlite:///{tmp_path}/discount.db")
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        made.append(create_app(build(load_settings(), log_stream=log)))
        return made[-1].test_client()

    yield make
    for app in made:
        services_of(app).keyring.stop()
        services_of(app).storage.store.close()


def accepts(client, headers):
    """Return whether a token is accepted: without one, an unknown path is a 401."""
    status = client.get("/v1/nothing", headers=headers).status_code
    assert status in {401, 404}
    return status == 404


def with_kid(kid, secret):
    return {"Authorization": f"Bearer {forged({'kid': kid}, secret.encode())}"}


def write_keys(path, **secrets):
    """Write a JWK Set as editors and deployments do: to another file, which replaces it."""
    draft = path.with_name("draft")
    draft.write_text(
        json.dumps(
            {
                "keys": [
                    {"kty": "oct", "kid": kid, "k": part(secret.encode())}
                    for kid, secret in secrets.items()
                ]
            }
        )
    )
    draft.replace(path)


def test_a_secret_from_a_file(client_of, tmp_path, later):
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    client = client_of(DISCOUNT_JWT_SECRET_FILE=file)
    old, new = bearer(), {"Authorization": f"Bearer {forged({}, OTHER.encode())}"}
    assert (True, False) == (accepts(client, old), accepts(client, new))
    file.write_text(f"{OTHER}\n")
    assert (True, False) == (accepts(client, old), accepts(client, new))
    later()
    assert (False, True) == (accepts(client, old), accepts(client, new))


@pytest.mark.parametrize("bad", ["short", "", " " * 99])
def test_a_secret_that_would_have_stopped_the_start_is_kept_out(
    client_of, tmp_path, later, log, bad
):
    file = tmp_path / "secret"
    file.write_text(SECRET)
    client = client_of(DISCOUNT_JWT_SECRET_FILE=file)
    file.write_text(bad)
    later()
    assert accepts(client, bearer())
    (line,) = [line for line in map(json.loads, log.text.splitlines()) if "reason" in line]
    assert ("keys_not_renewed", "warning") == (line["event"], line["level"])
    assert "DISCOUNT_JWT_SECRET_FILE" in line["reason"]


def test_a_keys_file(client_of, tmp_path, later, log):
    """A token of a removed key is refused, although its verification was cached."""
    file = tmp_path / "keys.json"
    write_keys(file, a=SECRET)
    client = client_of(DISCOUNT_JWT_KEYS_FILE=file)
    old, new = with_kid("a", SECRET), with_kid("b", OTHER)
    assert (True, False) == (accepts(client, old), accepts(client, new))
    write_keys(file, a=SECRET, b=OTHER)
    later()
    assert (True, True) == (accepts(client, old), accepts(client, new))
    file.write_text("{")
    later()
    assert (True, True) == (accepts(client, old), accepts(client, new))
    write_keys(file, b=OTHER)
    later()
    assert (False, True) == (accepts(client, old), accepts(client, new))
    assert OTHER not in log.text
    assert part(OTHER.encode()) not in log.text


def test_a_keys_file_never_comes_to_hold_both_families(client_of, tmp_path, later):
    issuer = Issuer()
    file = tmp_path / "keys.json"
    file.write_bytes(issuer.document())
    client = client_of(DISCOUNT_JWT_KEYS_FILE=file)
    write_keys(file, k2=SECRET)
    mixed = {"keys": [*issuer.published, *json.loads(file.read_bytes())["keys"]]}
    file.write_text(json.dumps(mixed))
    later()
    assert accepts(client, issuer.bearer())
    assert not accepts(client, with_kid("k2", SECRET))


def test_the_pseudonym_key(client_of, tmp_path, later, log):
    file = tmp_path / "pseudonyms"
    file.write_text(SECRET)
    client = client_of(DISCOUNT_PSEUDONYM_KEY_FILE=file, DISCOUNT_JWT_SECRET=SECRET)

    def user_ref():
        client.get("/v1/discount/fetch/brand1/user1", headers=bearer())
        return json.loads(log.text.splitlines()[-1])["user_ref"]

    first = user_ref()
    assert first
    file.write_text(OTHER)
    later()
    second = user_ref()
    assert first != second
    assert second == user_ref()


@pytest.fixture
def shop_of(client_of):
    """Build an application with three codes."""

    def make(**environment):
        client = client_of(**environment)
        upgrade(services_of(client.application).storage.database)
        body = {"brand": "brand1", "number_to_create": 3}
        assert 200 == client.post("/v1/discount/create", json=body, headers=bearer()).status_code
        return client

    return make


@on_sqlite
def test_the_erasure_keys(shop_of, tmp_path, later, refused):
    """An erased person is known as long as the key of that time is among those in the file."""
    file = tmp_path / "erasure"
    file.write_text(SECRET)
    client = shop_of(DISCOUNT_ERASURE_KEY_FILE=file, DISCOUNT_JWT_SECRET=SECRET)

    def fetch():
        return client.get("/v1/discount/fetch/brand1/user1", headers=bearer())

    def erase():
        return client.delete("/v1/brands/brand1/users/user1", headers=bearer()).status_code

    assert (200, 204) == (fetch().status_code, erase())
    refused(fetch(), 410, "user-erased")
    file.write_text(f"{OTHER}\n{SECRET}\n")
    later()
    refused(fetch(), 410, "user-erased")
    file.write_text(OTHER)
    later()
    assert (200, 204) == (fetch().status_code, erase())
    file.write_text(f"{SECRET}\n{OTHER}\n")
    later()
    refused(fetch(), 410, "user-erased")
    assert (
        204
        == client.delete("/v1/brands/brand1/users/user1?forget=true", headers=bearer()).status_code
    )
    assert 200 == fetch().status_code


@on_sqlite
def test_production_without_an_erasure_key_says_so(shop_of, refused):
    client = shop_of(
        DISCOUNT_ENV="production", DISCOUNT_JWT_SECRET=SECRET, DISCOUNT_PSEUDONYM_KEY=SECRET
    )
    assert 200 == client.get("/v1/discount/fetch/brand1/user1", headers=bearer()).status_code
    for query in ("", "?forget=true"):
        answer = client.delete(f"/v1/brands/brand1/users/user1{query}", headers=bearer())
        problem = refused(answer, 503, "erasure-unavailable")
        assert "DISCOUNT_ERASURE_KEY" in problem["detail"]


def test_an_issuer_that_is_not_there_yet(client_of, refused, log):
    """The service starts, is alive, reports what is missing, and blames no token."""
    issuer = Issuer()
    with serving(issuer) as url:
        pass
    client = client_of(DISCOUNT_JWT_JWKS_URL=url)
    ready = client.get("/readyz")
    assert 503 == ready.status_code
    assert "unavailable" == ready.json["checks"]["keys"]
    assert 200 == client.get("/livez").status_code
    refused(client.get("/v1/brands", headers=issuer.bearer()), 503, "unavailable")
    refused(client.get("/v1/brands"), 401, "unauthenticated")
    refused(client.get("/v1/brands", headers={"Authorization": "Bearer x"}), 401, "unauthenticated")


def test_an_issuer_at_a_url(client_of, log):
    issuer = Issuer()
    with serving(issuer) as url:
        client = client_of(DISCOUNT_JWT_JWKS_URL=url)
        deadline = time.monotonic() + 10
        while "ok" != client.get("/readyz").json["checks"]["keys"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert accepts(client, issuer.bearer())
        assert not accepts(client, bearer())
    assert accepts(client, issuer.bearer())
    assert "keys_renewed" in log.text
