"""Cursors: opaque names of the last item that a page shows, so that rows may come and go between.

A cursor travels in URLs, which proxies log, and the last item may be a secret code: so it is
encrypted. It is also tied to its listing: one that was cut, mistyped or carried over from
another listing is refused instead of showing the wrong rows.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from service.domain.errors import InputError, InvalidRequest


class Cursors:
    """Makes and reads cursors, with AES-SIV (RFC 5297): no nonce, so a page's is always the same.

    Args:
        key: A secret; cursors made with one key are good for nothing under another.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(hashlib.sha256(b"cursors" + key).digest())

    def encode(self, listing: str, key: str) -> str:
        """Make the cursor that goes on behind `key` in `listing`."""
        return _as_text(self._cipher.encrypt(key.encode(), [listing.encode()]))

    def decode(self, listing: str, cursor: str | None) -> str | None:
        """Return the key that a cursor names, `None` for the beginning.

        Raises:
            InvalidRequest: It is none of this listing's cursors.
        """
        if cursor is None:
            return None
        try:
            return self._cipher.decrypt(_as_bytes(cursor), [listing.encode()]).decode()
        except (InvalidTag, ValueError) as error:
            fault = InputError("/cursor", "Not a cursor of this listing.")
            raise InvalidRequest([fault]) from error


def _as_text(sealed: bytes) -> str:
    """Write bytes for a URL (RFC 4648, section 5)."""
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def _as_bytes(text: str) -> bytes:
    """Read them back, strictly: the decoder itself skips foreign characters and spare bits.

    Raises:
        ValueError: No bytes are written like this.
    """
    sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _as_text(sealed) != text:
        raise ValueError
    return sealed
