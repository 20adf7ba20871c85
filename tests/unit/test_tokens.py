"""Tokens: only those that the contract and RFC 8725 allow make a caller."""

import base64
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from service.auth.keys import Key, KeySet
from service.auth.tokens import LEEWAY_S, Verifier
from service.domain.errors import Unauthenticated
from tests.tokens import SECRET, claims, token

KEYS: KeySet = {None: Key(None, "HS256", SECRET.encode())}
VERIFIER = Verifier(KEYS, "discount", "discount")


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
    ids=str,
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
    """RFC 8725, section 3.10: the signature was made with that key, and it is not ours."""
    stranger = jwt.encode(claims(), "the secret of a stranger, 32 bytes", "HS256", {name: "x"})
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(stranger)


@given(st.text())
def test_no_text_is_more_than_refused(text):
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(text)


@given(st.binary(), st.integers(0, 2))
def test_no_bytes_in_a_tokens_part_are_more_than_refused(part, place):
    parts = token().split(".")
    parts[place] = base64.urlsafe_b64encode(part).decode().rstrip("=")
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(".".join(parts))


@pytest.mark.parametrize(
    ("algorithm", "private"),
    [
        ("RS256", rsa.generate_private_key(65537, 2048)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_public_keys_verify_what_their_private_key_signed_and_nothing_else(algorithm, private):
    public = private.public_key()
    verifier = Verifier({"k": Key("k", algorithm, public)}, "discount", "discount")
    good = jwt.encode(claims(), private, algorithm, {"kid": "k"})
    assert verifier.verify(good).subject == "tests"
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for bad in (
        good[:-8] + "AAAAAAAA",
        jwt.encode(claims(), private, algorithm),
        forged({"alg": "HS256", "kid": "k"}, secret=pem),
    ):
        with pytest.raises(Unauthenticated):
            verifier.verify(bad)


def forged(header, secret=None, **changed):
    """Sign with HMAC under any header, as PyJWT itself would refuse to."""
    head = {"alg": "HS256", "typ": "JWT"} | header
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (head, claims(**changed))
    ]
    signed = b".".join(parts)
    digest = hmac.digest(secret or SECRET.encode(), signed, "sha256")
    return (signed + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")).decode()
