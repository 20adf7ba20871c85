"""Changes of a code over HTTP."""

import pytest

from tests.api.conftest import C
from tests.api.views.test_campaigns import HOUR, moment
from tests.support.engines import on_sqlite
from tests.support.tokens import bearer


@pytest.fixture
def patch(client):
    def send(code, body, **claims):
        return client.patch(f"{C}/codes/{code}", json=body, headers=bearer(**claims))

    return send


@pytest.fixture
def held(client, auth, codes):
    return client.put(f"{C}/reservations/alice", headers=auth).json["discount_code"]


@pytest.fixture
def counts(client, auth):
    return lambda: {s: n for s, n in client.get(C, headers=auth).json["counts"].items() if n}


def test_a_code_is_disabled_and_enabled(patch, held, counts, client, auth):
    before = client.get(f"{C}/codes/{held}", headers=auth).json
    for _ in range(2):
        off = patch(held, {"disabled": True, "reason": "leaked"})
        assert 200 == off.status_code, off.text
        assert before | {"state": "disabled", "version": before["version"] + 1} == off.json
    assert {"available": 9, "disabled": 1} == counts()
    assert "disabled" == client.get(f"{C}/reservations/alice", headers=auth).json["state"]
    assert before | {"version": before["version"] + 2} == patch(held, {"disabled": False}).json
    assert {"available": 9, "reserved": 1} == counts()


def test_a_disabled_code_is_given_to_nobody(patch, codes, client, auth):
    for code in codes[1:]:
        patch(code, {"disabled": True})
    given = client.put(f"{C}/reservations/alice", headers=auth)
    assert codes[0] == given.json["discount_code"]
    assert 404 == client.put(f"{C}/reservations/bob", headers=auth).status_code
    patch(codes[1], {"disabled": False})
    given = client.put(f"{C}/reservations/bob", headers=auth)
    assert codes[1] == given.json["discount_code"]


def test_the_end_of_a_reservation_moves(patch, held, codes, refused):
    end = moment(HOUR)
    for value in (end, None, end):
        assert (200, value) == (patch(held, {"expires_at": value}).status_code, value)
    assert (end, "reserved") == (patch(held, {"expires_at": end}).json["expires_at"], "reserved")
    refused(patch(held, {"expires_at": moment(-HOUR)}), 400, "invalid-request", "/expires_at")
    free = next(code for code in codes if code != held)
    refused(patch(free, {"expires_at": end}), 409, "not-reserved")


@on_sqlite
class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, ""),
            ({"reason": "x"}, ""),
            ({"disabled": 1}, "/disabled"),
            ({"disabled": None}, "/disabled"),
            ({"disabled": True, "reason": "x" * 201}, "/reason"),
            ({"disabled": True, "reason": "a\0b"}, "/reason"),
            ({"disabled": True, "reason": None}, "/reason"),
            ({"disabled": True, "state": "x"}, "/state"),
            ({"expires_at": "2099-01-01"}, "/expires_at"),
            ({"expires_at": "2099-01-01T00:00:00"}, "/expires_at"),
            ({"expires_at": 5}, "/expires_at"),
        ],
    )
    def test_bad_bodies(self, patch, held, refused, body, pointer):
        refused(patch(held, body), 400, "invalid-request", pointer)

    def test_the_longest_reason(self, patch, held):
        assert 200 == patch(held, {"disabled": True, "reason": "é" * 200}).status_code
        assert 200 == patch(held, {"disabled": True, "reason": ""}).status_code

    def test_a_redeemed_code(self, patch, held, refused, client, auth):
        order = {"reference": "order-1", "user": "alice"}
        url = f"/v1/brands/brand1/codes/{held}/redemption"
        assert 201 == client.put(url, json=order, headers=auth).status_code
        for body in ({"disabled": True}, {"disabled": False}, {"expires_at": moment(HOUR)}):
            problem = refused(patch(held, body), 409, "code-redeemed")
            assert "redeemed" == problem["state"]

    def test_a_retired_code(self, patch, held, refused, client, auth):
        assert 204 == client.delete(f"{C}/reservations/alice", headers=auth).status_code
        for wanted in (True, False):
            refused(patch(held, {"disabled": wanted}), 409, "conflict")

    def test_what_is_not_there(self, patch, held, refused, client, auth):
        refused(patch("NONE", {"disabled": True}), 404, "code-not-found")
        url = f"/v1/brands/brand1/campaigns/none/codes/{held}"
        refused(client.patch(url, json={"disabled": True}, headers=auth), 404, "campaign-not-found")
        refused(patch(held, {"disabled": True}, scope="discounts:read"), 403, "forbidden")
        refused(patch(held, {"disabled": True}, brands=["x"]), 404, "brand-not-found")
