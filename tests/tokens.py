"""Tokens for tests, good ones and, by overriding a claim, bad ones."""

import time
from typing import Any

import jwt

SECRET = "a secret of the tests, at least 32 bytes"  # noqa: S105 - and of nothing else
ALL_SCOPES = "discounts:create discounts:reserve discounts:read discounts:export"


def claims(**changed: Any) -> dict[str, Any]:
    """Return claims that are good but for what is changed; `None` takes one away."""
    now = int(time.time())
    good = {
        "iss": "discount",
        "aud": "discount",
        "sub": "tests",
        "iat": now,
        "exp": now + 300,
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
