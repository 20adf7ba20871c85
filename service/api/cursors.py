"""Cursors: opaque references to the last item of a page, so that rows may change between pages.

A cursor is part of URLs, which proxies log, and the last item may be a secret code, so cursors are
encrypted. A cursor is also bound to its listing: a truncated or mistyped one, or one of another
listing, is refused instead of showing the wrong rows.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from service.domain.errors import InputError, InvalidRequest


class Cursors:
    """Encryption of cursors with AES-SIV (RFC 5297), which needs no nonce and is deterministic.

    Args:
        key: The secret key; a cursor is only valid with the key that it was made with.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(hashlib.sha256(b"cursors" + key).digest())

    def encode(self, listing: str, key: str) -> str:
        """Return the cursor of the page after `key` in `listing`."""
        return _as_text(self._cipher.encrypt(key.encode(), [listing.encode()]))

    def decode(self, listing: str, cursor: str | None) -> str | None:
        """Return the key of a cursor, `None` for the first page.

        Raises:
            InvalidRequest: The cursor does not belong to this listing.
        """
        if cursor is None:
            return None
        try:
            return self._cipher.decrypt(_as_bytes(cursor), [listing.encode()]).decode()
        except (InvalidTag, ValueError) as error:
            fault = InputError("/cursor", "Not a cursor of this listing.")
            raise InvalidRequest([fault]) from error


def _as_text(sealed: bytes) -> str:
    """Return bytes in base64url (RFC 4648, section 5)."""
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def _as_bytes(text: str) -> bytes:
    """Decode base64url strictly: the standard decoder ignores foreign characters and spare bits.

    Raises:
        ValueError: The text is not the encoding of any bytes.
    """
    sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _as_text(sealed) != text:
        raise ValueError
    return sealed
