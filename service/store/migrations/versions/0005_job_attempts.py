"""How often a job was taken since it last got further."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; the version before does not count, and its workers lose nothing by that."""
    attempts = sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0"))
    op.add_column("job", attempts)
