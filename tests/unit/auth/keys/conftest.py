"""Fixtures of key rings that fetch from a real issuer."""

from functools import partial

import pytest

from service.auth.keys.fetch import fetch
from service.auth.keys.providers import RemoteKeys
from tests.support.issuer import Issuer, serving
from tests.unit.auth.keys.rings import FAST, Log


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def url(issuer):
    with serving(issuer) as address:
        yield address


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def ring_from(log):
    """Make a key ring, which is stopped after the test."""
    made = []

    def make(fetch_document, intervals=FAST):
        made.append(RemoteKeys(fetch_document, log, intervals))
        return made[-1]

    yield make
    for ring in made:
        ring.stop()


@pytest.fixture
def ring_of(ring_from, url):
    """Make a key ring that fetches from the issuer."""
    return lambda pace: ring_from(partial(fetch, url), pace)
