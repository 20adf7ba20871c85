"""The kind of a stored answer: codes, or a job."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

PLAIN_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column; answers of the previous version have no kind, and expire after a day."""
    op.add_column("idempotency", sa.Column("kind", PLAIN_TEXT))
