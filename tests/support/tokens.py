"""Tokens for tests: valid ones, and invalid ones by overriding claims."""

import base64
import hmac
import json
import time
from typing import Any

import jwt

from service.auth.caller import Scope
from service.auth.keys.jwks import KeySet

LIFE_S = 24 * 60 * 60
"""The lifetime of a token in seconds: some are shared by a whole run of the suite."""
SECRET = "a secret of the tests, at least 32 bytes"  # noqa: S105 - and of nothing else
ALL_SCOPES = " ".join(Scope)


def claims(**changed: Any) -> dict[str, Any]:
    """Return valid claims with changes; `None` removes one."""
    now = int(time.time())
    good = {
        "iss": "discount",
        "aud": "discount",
        "sub": "tests",
        "iat": now,
        "exp": now + LIFE_S,
        "scope": ALL_SCOPES,
        "brands": ["*"],
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def token(**changed: Any) -> str:
    """Return a token signed with the tests' secret."""
    return jwt.encode(claims(**changed), SECRET, "HS256")


def bearer(**changed: Any) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token(**changed)}"}


def part(content: Any) -> str:
    """Return a part of a token: JSON, or bytes as they are, in base64url without padding."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Any, payload: Any, secret: bytes | None = None) -> str:
    """Sign any header and payload with HMAC, which PyJWT would refuse."""
    text = f"{part(header)}.{part(payload)}"
    key = SECRET.encode() if secret is None else secret
    return f"{text}.{part(hmac.digest(key, text.encode(), 'sha256'))}"


def forged(header: dict[str, Any], secret: bytes | None = None, **changed: Any) -> str:
    """Return a valid token with changes of its header and its claims."""
    return signed({"alg": "HS256", "typ": "JWT"} | header, claims(**changed), secret)


class Keys:
    """A key ring with given keys, which counts requests for unknown ones."""

    def __init__(self, keys: KeySet) -> None:
        self.keys = keys
        self.asked = 0

    def current(self) -> KeySet:
        return self.keys

    def request_refresh(self) -> None:
        self.asked += 1

    def stale_s(self) -> float:
        return 0.0

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass
