"""The body that sets a campaign's rules: strict, and the same as what is shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from service.api.schemas.campaign_rules import RulesBody, rules_object
from service.domain.campaigns import Rules

PERCENT = {"type": "percent", "value": "15"}
FULL = {
    "discount": {"type": "amount", "value": "05.00", "currency": "EUR"},
    "claims_from": "2026-11-01T00:00:00.000Z",
    "starts_at": "2026-12-01T00:00:00.000Z",
    "ends_at": "2027-01-01T00:00:00.000Z",
    "reservation_ttl_s": 3600,
    "on_lapse": "recycle",
    "on_release": "recycle",
    "redeem_by": "holder",
    "code_format": {
        "pattern": "SUMMER-####-####",
        "alphabet": "0123456789",
        "check": False,
        "accept_guessable": True,
    },
    "low_at": [100, 10, 0],
    "reserved_events": True,
    "paused": True,
    "archived": False,
    "metadata": {"é": [1, 1.5, None, {"a": "b"}]},
}


def load(body):
    return RulesBody().load(body)["rules"]


def shown(body):
    return rules_object(load(body))


def test_missing_members_have_their_defaults():
    assert Rules() == load({})
    assert Rules() == load(rules_object(Rules()))


def test_what_is_shown_sets_the_same_rules_again():
    assert FULL == shown(FULL)
    assert list(rules_object(Rules())) == list(FULL)


TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
NUMBER = st.integers(-(2**53), 2**53) | st.floats(-1e300, 1e300)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_metadata_is_kept_as_it_is(metadata):
    once = json.dumps(shown({"metadata": json.loads(json.dumps(metadata))}))
    assert once == json.dumps(shown(json.loads(once)))


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"other": 1}, ["other"]),
        ({"discount": {"type": "free"}}, ["discount", "type"]),
        ({"discount": {"type": "percent"}}, ["discount", "value"]),
        ({"discount": {"type": "percent", "value": "0.0"}}, ["discount", "value"]),
        ({"discount": {"type": "percent", "value": "100.0001"}}, ["discount", "value"]),
        ({"discount": {"type": "percent", "value": 15}}, ["discount", "value"]),
        ({"discount": {"type": "percent", "value": "15\n"}}, ["discount", "value"]),
        ({"discount": {"type": "percent", "value": "1.00001"}}, ["discount", "value"]),
        ({"discount": {"type": "percent", "value": "-1"}}, ["discount", "value"]),
        ({"discount": {"type": "percent", "value": "٣"}}, ["discount", "value"]),
        ({"discount": {**PERCENT, "currency": "EUR"}}, ["discount", "currency"]),
        ({"discount": {"type": "amount", "value": "5"}}, ["discount", "currency"]),
        (
            {"discount": {"type": "amount", "value": "5", "currency": "eur"}},
            ["discount", "currency"],
        ),
        ({"discount": {"type": "other"}}, ["discount", "description"]),
        ({"claims_from": "2026-11-01"}, ["claims_from"]),
        ({"claims_from": 5}, ["claims_from"]),
        ({"ends_at": FULL["claims_from"], "claims_from": FULL["claims_from"]}, ["claims_from"]),
        ({"reservation_ttl_s": 59}, ["reservation_ttl_s"]),
        ({"reservation_ttl_s": 31_536_001}, ["reservation_ttl_s"]),
        ({"reservation_ttl_s": 60.0}, ["reservation_ttl_s"]),
        ({"on_lapse": "retire"}, ["on_lapse"]),
        ({"on_lapse": None}, ["on_lapse"]),
        ({"redeem_by": "anyone", "on_release": "recycle"}, ["on_release"]),
        ({"code_format": {"pattern": "###"}}, ["code_format", "pattern"]),
        ({"code_format": {"pattern": "####", "check": 1}}, ["code_format", "check"]),
        ({"low_at": list(range(9))}, ["low_at"]),
        ({"low_at": [1, 1]}, ["low_at"]),
        ({"low_at": [-1]}, ["low_at", 0]),
        ({"low_at": [True]}, ["low_at", 0]),
        ({"paused": "true"}, ["paused"]),
        ({"paused": 1}, ["paused"]),
        ({"metadata": {"a": "é" * 2048}}, ["metadata"]),
        ({"metadata": {"a": "\ud800"}}, ["metadata"]),
        ({"metadata": {"a": 2**64}}, ["metadata"]),
        ({"metadata": []}, ["metadata"]),
        ({"metadata": None}, ["metadata"]),
    ],
)
def test_faults_have_their_place(body, place):
    with pytest.raises(ValidationError) as caught:
        load(body)
    messages = caught.value.messages
    for name in place:
        assert [name] == list(messages)
        messages = messages[name]
    assert messages
