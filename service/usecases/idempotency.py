"""Idempotency keys: a repeated request gets the same answer, and has no further effect."""

from collections.abc import Sequence

from service.domain.errors import Conflict
from service.domain.model import Idempotency
from service.usecases.ports.transaction import Transaction

KEPT_MS = 24 * 60 * 60 * 1000
"""How long an idempotency key is valid."""


def replay(tx: Transaction, idempotency: Idempotency | None) -> Sequence[str] | None:
    """Return the stored answer of a repeated request, if it is recent.

    Raises:
        Conflict: The key was used for a request with another fingerprint.
    """
    answer = tx.replay(idempotency.key) if idempotency else None
    if idempotency is None or answer is None:
        return None
    if answer.created_at <= tx.now - KEPT_MS:
        tx.forget(idempotency.key)
        return None
    if answer.fingerprint != idempotency.fingerprint:
        raise Conflict("This Idempotency-Key was used with a different body.")
    return answer.names
