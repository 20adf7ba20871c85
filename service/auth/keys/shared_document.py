"""A document that a process leaves to those that are forked later from the same parent.

gunicorn replaces a worker that died. During an outage of the issuer the new one could verify
nothing, though its siblings can: so whoever fetches a set leaves it where the next one looks.
"""

import hashlib
import mmap

from service.auth.keys.fetch import MAX_BYTES

_LENGTH = 4
_DIGEST = hashlib.sha256().digest_size
_HEAD = _DIGEST + _LENGTH


class SharedDocument:
    """The last document, in memory that is shared with every process forked after this.

    No lock, which a killed process could hold for ever: a digest tells whether a document is
    whole. Of two that are written at once none may be; it is as if nothing were there yet.
    """

    def __init__(self) -> None:
        """Reserve the memory; pages that are never written cost nothing."""
        self.memory = mmap.mmap(-1, _HEAD + MAX_BYTES)

    def put(self, document: bytes) -> None:
        """Leave a document of at most `MAX_BYTES`."""
        length = len(document).to_bytes(_LENGTH)
        digest = hashlib.sha256(length + document).digest()
        self.memory[: _HEAD + len(document)] = digest + length + document

    def get(self) -> bytes | None:
        """Return the document; `None` where there is none that is whole."""
        length = self.memory[_DIGEST:_HEAD]
        document = self.memory[_HEAD : _HEAD + min(int.from_bytes(length), MAX_BYTES)]
        whole = hashlib.sha256(length + document).digest() == self.memory[:_DIGEST]
        return document if whole else None
