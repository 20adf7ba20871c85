"""Idempotency keys: the same request, sent again, has the same answer and no other effect."""

from collections.abc import Sequence

from service.domain.errors import Conflict
from service.domain.model import Idempotency
from service.usecases.ports.transaction import Transaction

KEPT_MS = 24 * 60 * 60 * 1000
"""How long an idempotency key is good for."""


def replay(tx: Transaction, idempotency: Idempotency | None) -> Sequence[str] | None:
    """Return what the same request was answered, if it was answered lately.

    Raises:
        Conflict: The key was used for another content.
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
