"""Claims under the rules of a campaign: what callers of fetch and of reservations hear."""

import time
from types import SimpleNamespace

import pytest

from service.api.conditions import reservation_etag
from tests.api.conftest import C
from tests.support.tokens import bearer

HOUR = 3_600_000
MINE = f"{C}/reservations/user1"
FETCH = "/v1/discount/fetch/brand1/user1"


def moment(after_ms):
    at = time.time() + after_ms / 1000
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))


@pytest.fixture
def rule(client, codes):
    """Set the rules of the campaign that has the codes."""

    def rule(**rules):
        answer = client.put(f"{C}?shorten=true", json=rules, headers=bearer())
        assert 200 == answer.status_code, answer.text

    return rule


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"archived": True, "paused": True}, "archived"),
        ({"claims_from": moment(HOUR), "paused": True}, "early"),
        ({"paused": True}, "paused"),
    ],
)
def test_a_closed_campaign_says_why(client, auth, refused, codes, rules, reason):
    other = "/v1/brands/brand1/campaigns/summer"
    client.put(other, json=rules, headers=bearer())
    for answer in (
        client.put(f"{other}/reservations/user1", headers=auth),
        client.get(f"{FETCH}?campaign=summer", headers=auth),
    ):
        refused(answer, 409, "campaign-not-open")
        assert reason == answer.json["reason"]


def test_holders_keep_their_codes_in_a_closed_campaign(client, auth, refused, rule):
    code = client.get(FETCH, headers=auth).json["discount_code"]
    rule(paused=True)
    refused(client.put(f"{C}/reservations/user2", headers=auth), 409, "campaign-not-open")
    assert code == client.get(FETCH, headers=auth).json["discount_code"]
    assert (200, code) == shown(client.put(MINE, headers=auth))


def test_reservations_end_with_the_rules(client, auth, rule):
    rule(reservation_ttl_s=60, ends_at=moment(HOUR))
    body = client.put(MINE, headers=auth).json
    assert "reserved" == body["state"]
    assert body["reserved_at"] < body["expires_at"] < moment(2 * 60_000)
    rule(ends_at=moment(30_000), reservation_ttl_s=60)
    assert client.get(MINE, headers=auth).json["expires_at"] < moment(31_000)


def test_a_reservation_has_an_entity_tag_that_is_kept(client, auth, codes):
    made = client.put(MINE, headers=auth)
    tag = made.headers["ETag"]
    assert reservation_etag(made.json["discount_code"], 1) == tag
    for answer in (client.put(MINE, headers=auth), client.get(MINE, headers=auth)):
        assert (200, tag) == (answer.status_code, answer.headers["ETag"])
    assert tag != client.put(f"{C}/reservations/user2", headers=auth).headers["ETag"]


COLUMNS = [
    "code",
    "state",
    "created_at",
    "reserved_at",
    "expires_at",
    "redeemed_at",
    "version",
]


def test_the_end_of_a_campaign_is_seen_everywhere_at_once(client, auth, rule, monkeypatch):
    """Its row says so, and no other is written."""
    rule(ends_at=moment(HOUR))
    client.put(MINE, headers=auth)
    counts = {"available": 9, "reserved": 1, "redeemed": 0, "expired": 0, "disabled": 0}
    assert counts == client.get(C, headers=auth).json["counts"]
    later = SimpleNamespace(time_ns=lambda: time.time_ns() + HOUR * 1_000_000)
    monkeypatch.setattr("service.usecases.ports.clock.time", later)
    counts |= {"available": 0, "reserved": 0, "expired": 10}
    assert counts == client.get(C, headers=bearer()).json["counts"]
    assert counts == client.get("/v1/brands/brand1", headers=bearer()).json["counts"]
    for state, count in counts.items():
        page = client.get(f"{C}/codes?state={state}", headers=bearer()).json["items"]
        assert count == len(page)
        assert [COLUMNS] * count == [list(item) for item in page]
        lines = client.get(f"{C}/export?state={state}", headers=bearer(), buffered=True).text
        assert [",".join(COLUMNS), *[state] * count] == [
            lines.splitlines()[0],
            *(line.split(",")[1] for line in lines.splitlines()[1:]),
        ]
    assert "expired" == client.get(MINE, headers=bearer()).json["state"]
    rules = {"ends_at": moment(3 * HOUR)}
    counts |= {"available": 9, "reserved": 1, "expired": 0}
    assert counts == client.put(C, json=rules, headers=bearer()).json["counts"]


def shown(answer):
    return answer.status_code, answer.json["discount_code"]
