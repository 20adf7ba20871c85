"""A heartbeat for each running job, and the version of the format of its progress."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns; the previous version stores format 1, and its leases have a time."""
    for name, default in (("heartbeat", "0"), ("state_version", "1")):
        column = sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text(default))
        op.add_column("job", column)
