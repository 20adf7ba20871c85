"""Forged tokens."""

import jwt
from jwt.algorithms import RSAAlgorithm

from tests.support.rsa_keys import OTHER_RSA_KEY as STRANGER
from tests.support.rsa_keys import RSA_KEY as RSA
from tests.support.tokens import claims

PUBLIC_JWK = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)

STRANGER_JWK = RSAAlgorithm.to_jwk(STRANGER.public_key(), as_dict=True)

GOOD_HEADER = {"alg": "HS256", "typ": "JWT"}


def rs_token(private=RSA, header=None, **changed):
    return jwt.encode(claims(**changed), private, "RS256", {"kid": "k"} | (header or {}))


def bearer_of(text):
    return {"Authorization": f"Bearer {text}"}
