"""Verified tokens: a bounded cache, in which tokens expire exactly as with PyJWT."""

import threading
import time
from types import SimpleNamespace

import jwt.api_jwt
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from service.auth import tokens
from service.auth.caller import Caller
from service.auth.keys.jwks import NO_KEYS, Key
from service.auth.token_cache import LEEWAY_S, VerifiedToken, VerifiedTokens
from service.auth.tokens import Verifier
from service.domain.errors import Unauthenticated
from tests.support.tokens import SECRET, Keys, forged, token

KEY = Key(None, "HS256", SECRET.encode())
OTHERS = {kid: Key(kid, "HS256", kid.encode() * 32) for kid in ("a", "b")}
NOW = int(time.time())
CALLER = Caller("issuer", "subject", frozenset(), None)
MOMENTS = st.sampled_from([-3600, -LEEWAY_S - 1, -LEEWAY_S, 0, LEEWAY_S, LEEWAY_S + 1, 3600]) | (
    st.floats(-2 * LEEWAY_S, 2 * LEEWAY_S)
)


@pytest.fixture
def keys():
    return Keys({None: KEY})


@pytest.fixture
def verifier(keys):
    return Verifier(keys, "discount", "discount")


@pytest.fixture
def checks(monkeypatch):
    """Count the verified signatures."""
    made: list[None] = []
    decode = jwt.decode

    def count(*given, **named):
        made.append(None)
        return decode(*given, **named)

    monkeypatch.setattr(jwt, "decode", count)
    return made


@pytest.fixture
def at(monkeypatch):
    """Set the clock, PyJWT's and ours."""

    def set_clock(moment):
        monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: moment))
        clock = SimpleNamespace(now=lambda **_: SimpleNamespace(timestamp=lambda: moment))
        monkeypatch.setattr(jwt.api_jwt, "datetime", clock)

    return set_clock


def verdict(verifier, text):
    try:
        return verifier.verify(text).subject
    except Unauthenticated as refusal:
        return refusal.detail


def test_a_token_is_verified_once(verifier, checks):
    text = token()
    assert verifier.verify(text) is verifier.verify(text)
    assert 1 == len(checks)


def test_a_refused_token_is_not_remembered(verifier, checks):
    for _ in range(3):
        verdict(verifier, token(aud="x"))
    assert 3 == len(checks)


def test_a_change_of_keys_forgets_every_token(verifier, keys, checks):
    text = token()
    verifier.verify(text)
    keys.keys = {None: KEY, "other": KEY}
    verifier.verify(text)
    assert 2 == len(checks)
    keys.keys = OTHERS
    assert "The token's key is not known." == verdict(verifier, text)


def test_a_request_that_saw_the_old_keys_leaves_nothing_for_the_new_ones(verifier, keys):
    """Threads that overlap a change of keys: tokens of the old keys stay with those."""
    text, old, new = token(), keys.keys, OTHERS
    keys.keys = new
    verdict(verifier, text)
    keys.keys = old  # a thread that read the keys before the change continues
    assert "tests" == verdict(verifier, text)
    keys.keys = new
    assert "The token's key is not known." == verdict(verifier, text)


@hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(exp=MOMENTS, iat=MOMENTS, nbf=MOMENTS | st.none(), moments=st.lists(MOMENTS, max_size=6))
@example(exp=0, iat=-3600, nbf=None, moments=[0, LEEWAY_S - 0.001, LEEWAY_S, 3600, 0])
@example(exp=3600, iat=0, nbf=0, moments=[0, -LEEWAY_S, -LEEWAY_S - 0.001, 0])
def test_at_every_moment_a_remembered_token_is_judged_as_a_new_one(at, exp, iat, nbf, moments):
    """This holds when the clock is set back, and at the edge of the leeway."""
    dates = {"exp": NOW + exp, "iat": NOW + iat, "nbf": None if nbf is None else NOW + nbf}
    text = forged({}, **dates)
    remembering = Verifier(Keys({None: KEY}), "discount", "discount")
    for moment in moments:
        at(NOW + moment)
        forgetful = Verifier(Keys({None: KEY}), "discount", "discount")
        assert verdict(forgetful, text) == verdict(remembering, text)


def test_no_more_are_kept_than_two_generations():
    kept = VerifiedTokens(NO_KEYS, generation=10)
    for number in range(1000):
        kept.keep(str(number).encode(), VerifiedToken(CALLER, 0, NOW + 60))
        assert len(kept) <= 20
    assert kept.find(b"999", NOW)
    assert kept.find(b"979", NOW) is None


def test_what_is_in_use_stays():
    kept = VerifiedTokens(NO_KEYS, generation=10)
    kept.keep(b"used", VerifiedToken(CALLER, 0, NOW + 60))
    for number in range(1000):
        kept.keep(str(number).encode(), VerifiedToken(CALLER, 0, NOW + 60))
        assert kept.find(b"used", NOW) is CALLER


def test_threads_need_no_lock():
    """Whatever the interleaving, a token finds its own caller or none, and the bound holds."""
    kept = VerifiedTokens(NO_KEYS, generation=20)
    callers = {
        str(number).encode(): Caller("issuer", str(number), frozenset(), None)
        for number in range(100)
    }
    wrong: list[object] = []

    def work(order):
        for _ in range(50):
            for digest in order:
                found = kept.find(digest, NOW)
                if found is None:
                    kept.keep(digest, VerifiedToken(callers[digest], 0, NOW + 60))
                elif found is not callers[digest]:
                    wrong.append(found)
            if len(kept) > 40 + 8:
                wrong.append(len(kept))

    orders = [list(callers), list(reversed(callers))] * 4
    threads = [threading.Thread(target=work, args=[order]) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_cache_holds_no_token(verifier):
    """A memory dump must not contain usable tokens."""
    text = token()
    verifier.verify(text)
    assert text not in repr(vars(verifier)["_verified"].__getstate__())
