"""Answers to requests with an Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

PLAIN_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table, which the previous version does not need."""
    op.create_table(
        "idempotency",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("answer", PLAIN_TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "key"),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"]),
    )
    op.create_index("idempotency_key", "idempotency", ["key"], unique=True)
    op.create_index("idempotency_by_age", "idempotency", ["brand_id", "created_at"])
