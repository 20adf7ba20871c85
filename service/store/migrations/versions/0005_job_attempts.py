"""The number of attempts of a job since its last progress."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column, which the previous version does not need."""
    attempts = sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0"))
    op.add_column("job", attempts)
