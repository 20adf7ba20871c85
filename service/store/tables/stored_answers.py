"""The table of answers to requests with an Idempotency-Key."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
)

from service.store.tables.shared import PlainText, metadata

IDEMPOTENCY_KEY = "idempotency_key"

idempotency = Table(
    "idempotency",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("answer", PlainText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("kind", PlainText),
    PrimaryKeyConstraint("brand_id", "key"),
    ForeignKeyConstraint(["brand_id"], ["brand.id"]),
)
"""Answers to requests with an Idempotency-Key: a JSON array of codes, or of the id of a
job, as `kind` says; versions before revision 9 write none."""

# Not by brand: a key belongs to a caller and a path, and the body may name another brand. If
# data is split by brand, a key is unique within its part.
Index(IDEMPOTENCY_KEY, idempotency.c.key, unique=True)
Index("idempotency_by_age", idempotency.c.brand_id, idempotency.c.created_at)
