"""Codes are reserved in an order that is independent of their texts.

So an answer bounds no other secret.
"""

from functools import partial
from itertools import pairwise

import pytest

from service.domain.codes import mint
from service.usecases import pacing, working
from service.usecases.import_pipeline import storing
from service.usecases.pacing import ChunkPacer
from tests.api.conftest import C
from tests.support.creating import add_codes
from tests.support.working import do_all

pytestmark = pytest.mark.own_database
NOW = 1_800_000_000_000
MANY = 200


def handed_out(store):
    """Return all codes of the pool as users get them, one after the other."""
    return [store.reserve("brand1", "default", f"u{n}", NOW).reservation.code for n in range(MANY)]


def rises(codes):
    """Return how often a code is followed by a higher one: half of the time in a random order."""
    return sum(before < after for before, after in pairwise(codes))


def create(client, auth):
    body = {"number_to_create": MANY}
    assert 201 == client.post(f"{C}/codes", json=body, headers=auth).status_code


def generate(client, auth):
    body = {"kind": "generate", "count": MANY}
    assert 202 == client.post(f"{C}/jobs", json=body, headers=auth).status_code


def import_sorted(client, auth):
    headers = auth | {"Content-Type": "text/csv"}
    lines = "\n".join(f"CODE-{number:06}" for number in range(MANY))
    assert 202 == client.post(f"{C}/imports", data=lines, headers=headers).status_code


def half(codes):
    """Return the mean place of the first half of the codes in their order: in no order, half."""
    places = {code: place for place, code in enumerate(sorted(codes))}
    return sum(places[code] for code in codes[: MANY // 2]) / (MANY // 2) / MANY


@pytest.mark.parametrize("way", [create, generate, import_sorted])
def test_codes_are_handed_out_in_no_order(client, auth, store, database, way, monkeypatch):
    monkeypatch.setattr(working, "ChunkPacer", partial(ChunkPacer, size=30))
    monkeypatch.setattr(pacing, "MOST", 30)
    monkeypatch.setattr(storing, "STORED_AT_LEAST", 30)
    add_codes(store, "brand1", "default", 1, mint, NOW)
    store.reserve("brand1", "default", "first", NOW)
    way(client, auth)
    do_all(database)
    codes = handed_out(store)
    assert MANY / 4 < rises(codes) < MANY * 3 / 4
    assert 0.35 < half(codes) < 0.65
