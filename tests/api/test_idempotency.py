"""Idempotency keys: a retry gets the first answer, and creates nothing twice."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from service.usecases.codes import create_codes
from service.usecases.idempotency import KEPT_MS
from service.usecases.ports.clock import system_clock
from tests.api.conftest import C
from tests.support.tokens import bearer

URL = "/v1/discount/create"
GOOD = {"brand": "brand1", "number_to_create": 5}


def key(text="key-1", **claims):
    return bearer(**claims) | {"Idempotency-Key": text}


def total(client, auth, brand="brand1"):
    return sum(client.get(f"/v1/brands/{brand}", headers=auth).json["counts"].values())


@pytest.mark.parametrize(
    ("url", "body", "status"), [(URL, GOOD, 200), (f"{C}/codes", {"number_to_create": 5}, 201)]
)
def test_the_same_request_is_answered_once(client, auth, url, body, status):
    first, again = (client.post(url, json=body, headers=key()) for _ in range(2))
    assert (status, status) == (first.status_code, again.status_code)
    assert first.json == again.json
    assert "Idempotent-Replayed" not in first.headers
    assert "true" == again.headers["Idempotent-Replayed"]
    assert 5 == total(client, auth)


def test_what_is_asked_counts_not_how_it_is_written(client, auth):
    first = client.post(URL, json=GOOD, headers=key())
    spelt_out = '{ "number_to_create":5,\n"campaign":"default", "brand":"brand1"}'
    again = client.post(URL, data=spelt_out, content_type="application/json", headers=key())
    assert first.json == again.json


@pytest.mark.parametrize("changed", [{"number_to_create": 6}, {"brand": "brand2"}])
def test_another_body_is_a_conflict(client, auth, refused, changes, changed):
    client.post(URL, json=GOOD, headers=key())
    before = changes()
    refused(client.post(URL, json=GOOD | changed, headers=key()), 409, "conflict")
    assert before == changes()


@pytest.mark.parametrize(
    "other", [key("key-2"), key(sub="somebody else"), bearer()], ids=["key", "caller", "none"]
)
def test_another_key_or_caller_is_another_request(client, auth, other):
    first = client.post(URL, json=GOOD, headers=key())
    second = client.post(URL, json=GOOD, headers=other)
    assert not set(first.json) & set(second.json)


def test_another_path_is_another_request(client, auth):
    first = client.post(URL, json=GOOD, headers=key())
    second = client.post(f"{C}/codes", json={"number_to_create": 5}, headers=key())
    assert not set(first.json) & set(second.json)


def test_authorisation_comes_before_replay(client, auth, refused):
    client.post(URL, json=GOOD, headers=key())
    refused(client.post(URL, json=GOOD, headers=key(exp=1)), 401, "unauthenticated")
    refused(client.post(URL, json=GOOD, headers=key(scope="discounts:read")), 403, "forbidden")
    refused(client.post(URL, json=GOOD, headers=key(brands=["brand2"])), 404, "brand-not-found")


def test_a_refusal_is_not_remembered(client, auth, refused):
    """A 4xx changes nothing, so the key may be used for the corrected request."""
    bad = GOOD | {"campaign": "summer"}
    refused(client.post(URL, json=bad, headers=key()), 404, "brand-not-found")
    assert 200 == client.post(URL, json=GOOD, headers=key()).status_code


@pytest.mark.parametrize("bad", ["", " ", "a b", "é", "x" * 256, "a\tb"])
def test_a_key_that_is_none(client, auth, refused, bad):
    headers = auth | {"Idempotency-Key": bad}
    answer = client.post(URL, json=GOOD, headers=headers)
    refused(answer, 400, "invalid-request", "/Idempotency-Key")


@pytest.mark.parametrize("good", ["x", "x" * 255, "!~", '"quoted"'])
def test_a_key_of_visible_ascii(client, auth, good):
    headers = auth | {"Idempotency-Key": good}
    assert 200 == client.post(URL, json=GOOD, headers=headers).status_code


def test_concurrent_twins_are_one(app, auth):
    """The second request waits for the first, and gets the same answer."""

    def send(_):
        return app.test_client().post(URL, json=GOOD, headers=key())

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(32)))
    assert 1 == len({answer.text for answer in answers})
    assert 31 == sum("Idempotent-Replayed" in answer.headers for answer in answers)
    assert 5 == total(app.test_client(), auth)


class TestAge:
    @pytest.fixture
    def later(self, monkeypatch):
        """Move the clock."""
        real = system_clock

        def move(millis):
            monkeypatch.setitem(create_codes.__kwdefaults__, "clock", lambda: real() + millis)

        return move

    def test_a_key_is_good_for_a_day(self, client, auth, later):
        first = client.post(URL, json=GOOD, headers=key())
        later(KEPT_MS - 60_000)
        assert first.json == client.post(URL, json=GOOD, headers=key()).json
        later(KEPT_MS + 60_000)
        again = client.post(URL, json=GOOD | {"number_to_create": 7}, headers=key())
        assert 7 == len(again.json)

    def test_old_keys_are_purged_a_few_at_a_time(self, client, auth, database, later):
        for number in range(25):
            client.post(URL, json=GOOD | {"number_to_create": 1}, headers=key(f"key-{number}"))

        def count():
            with database.read() as connection:
                return connection.exec_driver_sql("SELECT count(*) FROM idempotency").scalar()

        assert 25 == count()
        later(KEPT_MS + 60_000)
        left = []
        for number in range(4):
            client.post(URL, json=GOOD | {"number_to_create": 1}, headers=key(f"new-{number}"))
            left.append(count())
        assert [16, 7, 3, 4] == left
