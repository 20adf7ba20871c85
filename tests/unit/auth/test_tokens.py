"""Tokens: only those that the contract and RFC 8725 allow identify a caller."""

import base64
import time
from contextlib import suppress

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from service.auth.keys.jwks import Key, KeySet
from service.auth.token_cache import LEEWAY_S
from service.auth.tokens import Verifier
from service.domain.errors import Unauthenticated
from tests.support.rsa_keys import RSA_KEY
from tests.support.tokens import SECRET, Keys, claims, forged, signed, token

KEYS: KeySet = {None: Key(None, "HS256", SECRET.encode())}
VERIFIER = Verifier(Keys(KEYS), "discount", "discount")


def test_what_is_forged_here_is_good_but_for_what_is_changed():
    assert VERIFIER.verify(forged({})).subject == "tests"


def test_a_good_token_makes_a_caller():
    caller = VERIFIER.verify(token(scope="discounts:read discounts:create", brands=["a", "b"]))
    assert caller.subject == "tests"
    assert caller.issuer == "discount"
    assert caller.scopes == {"discounts:read", "discounts:create"}
    assert caller.brands == {"a", "b"}


def test_a_star_alone_names_every_brand_and_one_among_others_names_itself():
    assert VERIFIER.verify(token(brands=["*"])).brands is None
    assert VERIFIER.verify(token(brands=["*", "a"])).brands == {"*", "a"}


def test_without_scope_and_brands_nothing_is_allowed():
    caller = VERIFIER.verify(token(scope=None, brands=None))
    assert not caller.scopes & {"discounts:read"}
    assert caller.brands == frozenset()


def test_clocks_may_differ_by_the_leeway():
    now = int(time.time())
    VERIFIER.verify(token(exp=now - LEEWAY_S + 3))
    VERIFIER.verify(token(iat=now + LEEWAY_S - 3))


@pytest.mark.parametrize(
    "changed",
    [
        *({name: None} for name in ("sub", "exp", "iat", "iss", "aud")),
        {"exp": 1},
        {"exp": int(time.time()) - LEEWAY_S - 3},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"iat": int(time.time()) + 3600},
        {"iat": "now"},
        {"nbf": int(time.time()) + 3600},
        {"iss": "somebody else"},
        {"iss": ["discount"]},
        {"aud": "somebody else"},
        {"aud": []},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": 7},
        {"sub": "\ud800"},
        {"sub": "a\0b"},
        {"scope": ["discounts:read"]},
        {"scope": 7},
        {"brands": "*"},
        {"brands": {"a": 1}},
        {"brands": [7]},
        {"brands": ["\ud800"]},
        {"exp": "9999999999"},
        {"iat": True},
        {"nbf": "1"},
    ],
    ids=lambda changed: next(iter(changed)),  # not the times: each worker has its own
)
def test_a_claim_that_is_missing_or_odd_is_refused(changed):
    with pytest.raises(Unauthenticated) as refusal:
        VERIFIER.verify(forged({}, **changed))
    assert refusal.value.token_given


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"kid": "unknown"},
        {"kid": "../../dev/null"},
        {"kid": ["a"]},
        {"crit": ["exp"]},
        {"crit": []},
        {"typ": "something+else"},
        {"typ": 7},
    ],
    ids=str,
)
def test_a_header_that_asks_for_another_check_is_refused(header):
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(forged(header))


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_the_token_brings_along_is_not_used(name):
    """RFC 8725, section 3.10: the token is signed with its own key, which is not ours."""
    stranger = jwt.encode(claims(), "the secret of a stranger, 32 bytes", "HS256", {name: "x"})
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(stranger)


@given(st.text())
def test_no_text_is_more_than_refused(text):
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(text)


GOOD = token(exp=int(time.time()) + 86_400)
TEXTS = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["iss", "aud", "sub", "iat", "exp", "nbf", "scope", "brands", "jti"])


@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_no_character_of_a_good_token_can_be_another(place, character):
    """Each token has only one encoding, which caches and deny lists depend on."""
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    if changed == GOOD:
        VERIFIER.verify(changed)
    else:
        with pytest.raises(Unauthenticated):
            VERIFIER.verify(changed)


@given(st.integers(0, len(GOOD)), st.characters())
def test_no_character_can_be_added_to_a_good_token_or_taken_away(place, character):
    for changed in (GOOD[:place] + character + GOOD[place:], GOOD[:place] + GOOD[place + 1 :]):
        if changed != GOOD:
            with pytest.raises(Unauthenticated):
                VERIFIER.verify(changed)


@given(st.dictionaries(NAMES | TEXTS, JSON, max_size=6), st.booleans())
def test_any_claims_make_a_caller_or_a_refusal(changed, among_good_ones):
    """And a caller has the types that the service expects."""
    payload = (claims() if among_good_ones else {}) | changed
    with suppress(Unauthenticated):
        caller = VERIFIER.verify(signed({"alg": "HS256"}, payload))
        assert ("discount", payload["sub"]) == (caller.issuer, caller.subject)
        assert caller.subject.encode()
        assert all(name.encode() for name in caller.brands or ())


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64"]) | TEXTS, JSON))
def test_any_header_makes_a_caller_or_a_refusal(changed):
    with suppress(Unauthenticated):
        caller = VERIFIER.verify(signed({"alg": "HS256"} | changed, claims()))
        assert "tests" == caller.subject


@given(st.binary(), st.integers(0, 2))
def test_no_bytes_in_a_tokens_part_are_more_than_refused(part, place):
    parts = token().split(".")
    parts[place] = base64.urlsafe_b64encode(part).decode().rstrip("=")
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(".".join(parts))


@pytest.mark.parametrize(
    ("algorithm", "private"),
    [
        ("RS256", RSA_KEY),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_public_keys_verify_what_their_private_key_signed_and_nothing_else(algorithm, private):
    public = private.public_key()
    verifier = Verifier(Keys({"k": Key("k", algorithm, public)}), "discount", "discount")
    good = jwt.encode(claims(), private, algorithm, {"kid": "k"})
    assert verifier.verify(good).subject == "tests"
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for bad in (
        good[:-8] + "AAAAAAAA",
        jwt.encode(claims(), private, algorithm, {"kid": "other"}),
        forged({"alg": "HS256", "kid": "k"}, secret=pem),
    ):
        with pytest.raises(Unauthenticated):
            verifier.verify(bad)
