"""Ids of codes, which do not show the code: for events, logs of callers, and support."""

import hmac

ID_LENGTH = 32
"""Hexadecimal digits in an id: 128 bits."""


def code_id(key: bytes, code: str) -> str:
    """Return the id of a code: 128 bits of HMAC-SHA256 (RFC 2104) under the key of its brand."""
    return hmac.digest(key, code.encode(), "sha256").hex()[:ID_LENGTH]
