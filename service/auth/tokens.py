"""Checking bearer tokens as RFC 8725 advises, and issuing them for development and tests."""

import time
from collections.abc import Collection
from typing import Any

import jwt
from jwt import PyJWTError

from service.auth.caller import Caller
from service.auth.keys import KeySet
from service.domain.errors import Unauthenticated
from service.settings import Settings, SettingsError

LEEWAY_S = 10
"""How far the issuer's clock and ours may be apart."""
REQUIRED = ("sub", "exp", "iat", "iss", "aud")
TYPES = ("jwt", "at+jwt", "application/at+jwt")
"""Values of `typ` (RFC 7519, section 5.1; RFC 9068, section 4), lower case."""
ALL_BRANDS = ["*"]
MAX_SUBJECT = 255


class Verifier:
    """Turns a token into the caller it stands for."""

    def __init__(self, keys: KeySet, issuer: str, audience: str) -> None:
        """Trust what `keys` have signed, from `issuer` and for `audience`."""
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    def verify(self, token: str) -> Caller:
        """Check a token and say who sent it.

        Raises:
            Unauthenticated: It cannot be believed.
        """
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.get(header.get("kid"))
            if key is None:
                raise Unauthenticated("The token's key is not known.", token_given=True)
            if "crit" in header or str(header.get("typ") or "jwt").lower() not in TYPES:
                raise Unauthenticated("The token is not of a kind known here.", token_given=True)
            claims = jwt.decode(
                token,
                key.material,
                algorithms=[key.algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_S,
                options={"require": list(REQUIRED)},
            )
            return as_caller(claims)
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired.", token_given=True) from error
        except (PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise Unauthenticated("The token is not valid.", token_given=True) from error


def as_caller(claims: dict[str, Any]) -> Caller:
    """Read the caller out of checked claims.

    Raises:
        Unauthenticated: A claim is not of the form that the contract wants.
        ValueError: A text of it is no Unicode.
    """
    subject, scope, brands = claims["sub"], claims.get("scope", ""), claims.get("brands", [])
    if not (isinstance(subject, str) and 0 < len(subject) <= MAX_SUBJECT):
        raise Unauthenticated("The token's sub is empty or too long.", token_given=True)
    if not isinstance(scope, str):
        raise Unauthenticated("The token's scope is not a text.", token_given=True)
    if not (isinstance(brands, list) and all(isinstance(name, str) for name in brands)):
        raise Unauthenticated("The token's brands are not a list of names.", token_given=True)
    for text in (subject, *brands):
        text.encode()  # a lone surrogate could be neither logged nor looked up
    if not all(type(claims.get(name, 0)) in {int, float} for name in ("exp", "iat", "nbf")):
        raise Unauthenticated("The token's times are not numbers.", token_given=True)
    return Caller(
        issuer=claims["iss"],
        subject=subject,
        scopes=frozenset(scope.split(" ")),
        brands=None if brands == ALL_BRANDS else frozenset(brands),
    )


def issue_token(
    settings: Settings,
    keys: KeySet,
    *,
    subject: str,
    scope: str,
    brands: Collection[str],
    ttl_s: int,
) -> str:
    """Sign a token with the first key, which must be a secret.

    Args:
        settings: Where issuer and audience stand.
        keys: What the service verifies with.
        subject: Whom it stands for.
        scope: What it allows, separated by spaces.
        brands: Names of the brands it may know of, or only `*`.
        ttl_s: How long it is good for, in seconds.

    Raises:
        SettingsError: There are public keys alone, which cannot sign.
    """
    key = next(iter(keys.values()))
    if not key.secret:
        raise SettingsError("DISCOUNT_JWT_KEYS_FILE has public keys alone, which cannot sign.")
    now = int(time.time())
    claims = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": subject,
        "iat": now,
        "exp": now + ttl_s,
        "scope": scope,
        "brands": list(brands),
    }
    return jwt.encode(claims, key.material, key.algorithm, {"kid": key.kid} if key.kid else None)
