"""Tokens that have been verified, so that the same one need not be verified on every call.

A class of our own instead of cachetools': that would need a lock around every look-up, and
its time to live is one for all entries, where here each token brings its own.
"""

from service.auth.caller import Caller
from service.auth.keys.jwks import KeySet

LEEWAY_S = 10
"""How far the issuer's clock and ours may be apart."""
GENERATION = 1024
"""At most twice as many tokens are kept: some megabytes."""

Entry = tuple[Caller, int, int]
"""Whom a token stands for, when it begins and when it ends, by the issuer's clock."""


class VerifiedTokens:
    """Callers by the digest of their token, as one set of keys has verified them.

    There are two generations. What is used lands in the young one; when that is full it becomes
    the old one, and what the old one still held, unused since, is gone. Every step is one
    operation on a dictionary, so threads need no lock: at worst a race forgets a token early,
    which then is verified again.
    """

    __slots__ = ("_generation", "_old", "_young", "keys")

    def __init__(self, keys: KeySet, generation: int = GENERATION) -> None:
        """Begin with none; with other keys, begin anew."""
        self.keys = keys
        self._generation = generation
        self._young: dict[bytes, Entry] = {}
        self._old: dict[bytes, Entry] = {}

    def __len__(self) -> int:
        """Count the tokens kept."""
        return len(self._young) + len(self._old)

    def find(self, digest: bytes, now: float) -> Caller | None:
        """Return whom the token stands for at this moment, if that is known.

        The comparisons are PyJWT's own: a clock that was set back counts, too.
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

    def keep(self, digest: bytes, entry: Entry) -> None:
        """Remember a token that has just been verified or used."""
        if len(self._young) >= self._generation:
            self._old, self._young = self._young, {}
        self._young[digest] = entry
