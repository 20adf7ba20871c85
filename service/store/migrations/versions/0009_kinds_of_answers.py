"""What a stored answer names: codes, or a job."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

PLAIN_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column; what the version before writes has none, and is gone after a day."""
    op.add_column("idempotency", sa.Column("kind", PLAIN_TEXT))
