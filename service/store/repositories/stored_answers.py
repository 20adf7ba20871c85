"""Stored answers of idempotency keys, written in the transaction of the request's effect.

So a retry finds either both or neither, whatever was killed in between. Expired keys are purged a
few at a time, by later requests of the same brand.
"""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select

from service.domain.model import AnswerKind, Idempotency, Millis
from service.store.dialect import dialect_of
from service.store.tables import idempotency
from service.usecases.idempotency import KEPT_MS
from service.usecases.ports.transaction import StoredAnswer

ANSWER = r'\["[A-Za-z0-9-]+"(, ?"[A-Za-z0-9-]+")*\]'
"""The form of a stored answer, as a regular expression: an array of codes, or of one job."""
PURGED_AT_ONCE = 10
"""More than a request adds, so that expired keys disappear."""

_FIND = select(idempotency.c.content, idempotency.c.answer, idempotency.c.created_at).where(
    idempotency.c.key == bindparam("key")
)
_FORGET = delete(idempotency).where(idempotency.c.key == bindparam("old_key"))
_OLD = (
    select(idempotency.c.key.label("old_key"))
    .where(
        idempotency.c.brand_id == bindparam("brand_id"),
        idempotency.c.created_at <= bindparam("until"),
    )
    .order_by(idempotency.c.created_at)
    .limit(PURGED_AT_ONCE)
    .with_for_update(skip_locked=True)
)


def find(connection: Connection, key: bytes) -> StoredAnswer | None:
    """Return the answer stored with a key; other requests with the key wait."""
    number = int.from_bytes(key[:8], "big", signed=True)
    dialect_of(connection).lock(connection, number)
    row = connection.execute(_FIND, {"key": key}).one_or_none()
    return StoredAnswer(row.content, json.loads(row.answer), row.created_at) if row else None


def forget(connection: Connection, key: bytes) -> None:
    """Delete the answer stored with a key."""
    connection.execute(_FORGET, {"old_key": key})


def is_known(connection: Connection, key: bytes, now: Millis) -> bool:
    """Return whether a recent request with the key has been answered."""
    row = connection.execute(_FIND, {"key": key}).one_or_none()
    return row is not None and row.created_at > now - KEPT_MS


def remember(
    connection: Connection,
    brand_id: int,
    request: Idempotency,
    kind: AnswerKind,
    answer: Sequence[str],
    now: Millis,
) -> None:
    """Store an answer, and purge a few expired keys of the brand."""
    old = connection.execute(_OLD, {"brand_id": brand_id, "until": now - KEPT_MS}).mappings().all()
    if old:
        connection.execute(_FORGET, [dict(row) for row in old])
    connection.execute(
        insert(idempotency),
        {
            "brand_id": brand_id,
            "key": request.key,
            "content": request.fingerprint,
            "answer": json.dumps(answer),
            "created_at": now,
            "kind": kind,
        },
    )
