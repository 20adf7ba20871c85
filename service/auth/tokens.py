"""Verification of bearer tokens as RFC 8725 advises, and tokens for development and tests."""

import hashlib
import re
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import jwt
from jwt import PyJWTError

from service.auth.caller import Caller
from service.auth.keys.jwks import NO_KEYS, Key, KeySet, keys_for
from service.auth.keys.providers import KeyRing
from service.auth.token_cache import LEEWAY_S, VerifiedToken, VerifiedTokens
from service.domain.errors import AuthRefusal, Unauthenticated, Unavailable
from service.domain.names import is_name
from service.settings import Settings, SettingsError

REQUIRED = ("sub", "exp", "iat", "iss", "aud")
TYPES = ("jwt", "at+jwt")
"""Values of `typ` (RFC 7519, section 5.1; RFC 9068, section 4), lower case, without the prefix
`application/`, which may be left out (RFC 7515, section 4.1.9)."""
ALL_BRANDS = ["*"]
MAX_SUBJECT = 255
_SCHEME = "bearer "
MAX_TOKEN = 8192
"""Longest token in characters; gunicorn's limit for a header is not higher."""

_FORM = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
"""The compact form (RFC 7515, section 3.1): base64url without padding, and always signed."""

_STORABLE = re.compile(r"[^\0\ud800-\udfff]*")
"""Text that can be logged and stored: UTF-8 has no lone surrogates, PostgreSQL has no NUL."""


class Verifier:
    """Verifier of tokens."""

    def __init__(self, keyring: KeyRing, issuer: str, audience: str) -> None:
        """Trust tokens from `issuer` for `audience` that a key of the key ring has signed."""
        self._keyring = keyring
        self._issuer = issuer
        self._audience = audience
        self._verified = VerifiedTokens(NO_KEYS)

    def authenticate(self, authorization: str) -> Caller:
        """Return the caller of an `Authorization` field (RFC 6750, section 2.1).

        Raises:
            Unauthenticated: There is no bearer token, or it is not valid.
            Unavailable: No key has been fetched yet.
        """
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise Unauthenticated("The call carries no bearer token.")
        # The space alone: Python knows many others.
        return self.verify(authorization[len(_SCHEME) :].strip(" "))

    def verify(self, token: str) -> Caller:
        """Verify a token and return its caller.

        Raises:
            Unauthenticated: The token is not valid.
            Unavailable: No key has been fetched yet.
        """
        if len(token) > MAX_TOKEN or not _FORM.fullmatch(token):
            raise Unauthenticated("The token is not valid.", token_given=True)
        keys = self._keyring.current()
        if not keys:
            raise Unavailable
        verified = self._verified
        if verified.keys is not keys:  # tokens stay verified as long as their keys
            verified = self._verified = VerifiedTokens(keys)
        digest = hashlib.sha256(token.encode()).digest()  # so that a memory dump shows no token
        caller = verified.find(digest, time.time())
        if caller is None:
            claims = self._check(token, keys)
            caller = as_caller(claims)
            begins = max(int(claims["iat"]), int(claims.get("nbf", claims["iat"])))
            verified.keep(digest, VerifiedToken(caller, begins, int(claims["exp"])))
        return caller

    def _check(self, token: str, keys: KeySet) -> dict[str, Any]:
        """Return the claims of a token, after a check of its signature and claims.

        Raises:
            Unauthenticated: The token is not valid.
        """
        try:
            *others, last = self._keys_of(jwt.get_unverified_header(token), keys)
            for key in others:
                with suppress(jwt.InvalidSignatureError):
                    return self._decode(token, key)
            return self._decode(token, last)
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated(
                "The token has expired.", token_given=True, reason=AuthRefusal.EXPIRED
            ) from error
        except jwt.ImmatureSignatureError as error:
            raise Unauthenticated(
                "The token is not valid yet.", token_given=True, reason=AuthRefusal.NOT_YET
            ) from error
        except (jwt.InvalidIssuerError, jwt.InvalidAudienceError) as error:
            raise Unauthenticated(
                "The token is not valid.", token_given=True, reason=AuthRefusal.ELSEWHERE
            ) from error
        except (PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise Unauthenticated("The token is not valid.", token_given=True) from error

    def _decode(self, token: str, key: Key) -> dict[str, Any]:
        """Check a token with one key.

        Raises:
            PyJWTError: The signature or a claim is not valid.
        """
        claims: dict[str, Any] = jwt.decode(
            token,
            key.material,
            algorithms=[key.algorithm],
            issuer=self._issuer,
            audience=self._audience,
            leeway=LEEWAY_S,
            options={"require": list(REQUIRED)},
        )
        return claims

    def _keys_of(self, header: dict[str, Any], keys: KeySet) -> list[Key]:
        """Return the keys that a header names, at least one.

        Its `alg` only selects among them: each key has one algorithm (RFC 8725, section 3.1).

        Raises:
            Unauthenticated: There is no such key, or the token's `typ` or `crit` is unsupported.
        """
        kid = header.get("kid")
        found = keys_for(keys, kid, header.get("alg"))
        if not found and kid in keys:
            raise Unauthenticated("The token is not valid.", token_given=True)
        if not found:
            if kid is not None:
                self._keyring.request_refresh()
            raise Unauthenticated(
                "The token's key is not known.",
                token_given=True,
                reason=AuthRefusal.UNKNOWN_KEY,
            )
        typ = str(header.get("typ") or "jwt").lower().removeprefix("application/")
        if "crit" in header or typ not in TYPES:
            raise Unauthenticated("The type of the token is not supported.", token_given=True)
        return found


def as_caller(claims: dict[str, Any]) -> Caller:
    """Return the caller that verified claims describe.

    Raises:
        Unauthenticated: A claim does not have the form that the contract requires.
    """
    subject, scope, brands = claims["sub"], claims.get("scope", ""), claims.get("brands", [])
    if not is_subject(subject):
        raise Unauthenticated(
            f"The token's sub is not a string of 1 to {MAX_SUBJECT} characters.", token_given=True
        )
    if not isinstance(scope, str):
        raise Unauthenticated("The token's scope is not a string.", token_given=True)
    if not (isinstance(brands, list) and all(map(_is_brand, brands))):
        raise Unauthenticated("The token's brands are not a list of valid names.", token_given=True)
    if not all(type(claims.get(name, 0)) in {int, float} for name in ("exp", "iat", "nbf")):
        raise Unauthenticated("The token's times are not numbers.", token_given=True)
    return Caller(
        issuer=claims["iss"],
        subject=subject,
        scopes=frozenset(scope.split(" ")),
        brands=None if brands == ALL_BRANDS else frozenset(brands),
    )


def is_subject(text: str) -> bool:
    """Return whether a text may be the `sub` of a token."""
    return 0 < len(text) <= MAX_SUBJECT and _STORABLE.fullmatch(text) is not None


def _is_brand(name: object) -> bool:
    return isinstance(name, str) and is_name(name)


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
        settings: Issuer and audience.
        keys: The keys that the service verifies with.
        subject: The caller that the token stands for.
        scope: Scopes, separated by spaces.
        brands: Names of the brands that the caller may access, or only `*`.
        ttl_s: Time to live in seconds.

    Raises:
        SettingsError: There are only public keys, which cannot sign.
    """
    key = next(iter(keys.values()), None)
    if key is None or not key.secret:
        raise SettingsError(
            "DISCOUNT_JWT_KEYS_FILE or DISCOUNT_JWT_JWKS_URL has only public keys, "
            "which cannot sign."
        )
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
