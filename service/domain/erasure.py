"""Tombstones: what stands in place of the id of a user who was erased.

A user id cannot contain `/`, so a tombstone is no user's id, and the same column and the same
unique key do for both. It can be computed from the user id, but only with an erasure key, so that
somebody who was erased cannot claim again where they held a code; and nobody without the key learns
who that was.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from functools import lru_cache

Tombstones = Callable[[str, str], tuple[str, ...]]
"""Returns the tombstones of a brand's user: the one to write first, then those to look for as well;
none without a key."""

MARK = "/"
"""The first character of each tombstone."""
NOT_LINKED = "0" * 8
"""Takes the place of the key's id in the tombstone of a user who was forgotten."""
_DIGEST = "sha256"


def no_tombstones(_brand: str, _user: str) -> tuple[str, ...]:
    """Return no tombstones, as without a key."""
    return ()


def is_tombstone(user: str) -> bool:
    """Return whether a stored user is one who was erased."""
    return user.startswith(MARK)


def key_id(key: str) -> str:
    """Return the id of an erasure key."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def random_tombstone() -> str:
    """Return a tombstone that nothing links to a user."""
    return f"{MARK}{NOT_LINKED}.{secrets.token_hex(hashlib.sha256().digest_size)}"


def tombstones_of(keys: Callable[[], Sequence[str]]) -> Tombstones:
    """Return the function that computes tombstones with the current keys, the first one first.

    It is called for each new claim, so what depends on the brand alone is kept.
    """

    def tombstones(brand: str, user: str) -> tuple[str, ...]:
        text = user.encode()
        return tuple([key.tombstone(text) for key in _brand_keys(tuple(keys()), brand)])

    return tombstones


class _BrandKey:
    """HMAC-SHA256 (RFC 2104) with the key of a brand.

    The key has been hashed already: a third of the time of the standard library's `hmac.digest`.
    """

    __slots__ = ("_inner", "_outer", "_prefix")

    def __init__(self, key: str, brand: str) -> None:
        block = _hkdf(key.encode(), brand.encode()).ljust(hashlib.sha256().block_size, b"\0")
        self._prefix = f"{MARK}{key_id(key)}."
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def tombstone(self, user: bytes) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(user)
        outer.update(inner.digest())
        return self._prefix + outer.hexdigest()


@lru_cache(maxsize=4096)
def _brand_keys(keys: tuple[str, ...], brand: str) -> tuple[_BrandKey, ...]:
    return tuple(_BrandKey(key, brand) for key in keys)


def _hkdf(key: bytes, info: bytes) -> bytes:
    """Derive a key of one block without a salt (RFC 5869: extract, then expand)."""
    salt = bytes(hashlib.sha256().digest_size)
    return hmac.digest(hmac.digest(salt, key, _DIGEST), info + b"\x01", _DIGEST)
