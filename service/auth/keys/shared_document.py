"""A document in memory that processes of one parent share.

gunicorn replaces a worker that died. During an outage of the issuer the new worker could not verify
tokens, though its siblings can. So each worker shares the set that it has fetched.
"""

import hashlib
import mmap

from service.auth.keys.fetch import MAX_BYTES

_LENGTH = 4
_DIGEST = hashlib.sha256().digest_size
_HEAD = _DIGEST + _LENGTH


class SharedDocument:
    """The latest document, in memory that is shared with every process forked later.

    There is no lock, which a killed process could hold for ever: a digest shows whether a document
    is complete. If two processes write at the same time, there may be no complete document.
    """

    def __init__(self) -> None:
        """Map the memory; pages that are never written cost nothing."""
        self.memory = mmap.mmap(-1, _HEAD + MAX_BYTES)

    def put(self, document: bytes) -> None:
        """Store a document of at most `MAX_BYTES`."""
        length = len(document).to_bytes(_LENGTH)
        digest = hashlib.sha256(length + document).digest()
        self.memory[: _HEAD + len(document)] = digest + length + document

    def get(self) -> bytes | None:
        """Return the document, or `None` if there is no complete one."""
        length = self.memory[_DIGEST:_HEAD]
        document = self.memory[_HEAD : _HEAD + min(int.from_bytes(length), MAX_BYTES)]
        whole = hashlib.sha256(length + document).digest() == self.memory[:_DIGEST]
        return document if whole else None
