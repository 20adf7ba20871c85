"""A cache of verified tokens, so that a token is not verified again on every call.

It is a class of our own because cachetools needs a lock around every lookup, and has one time to
live for all entries, while each token has its own.
"""

from typing import NamedTuple

from service.auth.caller import Caller
from service.auth.keys.jwks import KeySet

LEEWAY_S = 10
"""The tolerated difference between the issuer's clock and ours."""
GENERATION = 1024
"""Tokens in one generation. The cache has two: a few megabytes."""


class VerifiedToken(NamedTuple):
    """The caller of a token, and when the token is valid, in seconds of Unix time."""

    caller: Caller
    begins: int
    ends: int


class VerifiedTokens:
    """Callers by the digest of their token, verified with one set of keys.

    There are two generations. A token that is used moves to the young one. When the young one is
    full, it replaces the old one, whose unused tokens are forgotten. Every step is one operation
    on a dictionary, so threads need no lock: at worst a race forgets a token early, and the token
    is verified again.
    """

    __slots__ = ("_generation", "_old", "_young", "keys")

    def __init__(self, keys: KeySet, generation: int = GENERATION) -> None:
        """Create an empty cache; other keys need another cache."""
        self.keys = keys
        self._generation = generation
        self._young: dict[bytes, VerifiedToken] = {}
        self._old: dict[bytes, VerifiedToken] = {}

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self._young) + len(self._old)

    def find(self, digest: bytes, now: float) -> Caller | None:
        """Return the caller of a token that is known and valid now.

        The comparisons are PyJWT's own, so a clock that was set back counts as well.
        """
        entry = self._young.get(digest)
        if entry is None:
            entry = self._old.get(digest)
            if entry is None:
                return None
            self.keep(digest, entry)
        caller, begins, ends = entry
        if begins > now + LEEWAY_S or ends <= now - LEEWAY_S:
            return None
        return caller

    def keep(self, digest: bytes, entry: VerifiedToken) -> None:
        """Store a token that has just been verified or used."""
        if len(self._young) >= self._generation:
            self._old, self._young = self._young, {}
        self._young[digest] = entry
