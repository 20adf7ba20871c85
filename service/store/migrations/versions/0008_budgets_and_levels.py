"""What open imports take of their budget, and when a pool of codes last moved."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add columns that the version before leaves as they are.

    Lists that it takes in are in no budget, and pools that it serves do not seem to move.
    """
    op.add_column("import_file", _number("bytes"))
    brand = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column(
        "import_file", sa.Column("brand", brand, nullable=False, server_default=sa.text("''"))
    )
    op.add_column("tally", _number("touched_at"))


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))
