"""The bytes of open imports in their budgets, and the time of the last change of a pool."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add columns that the previous version does not change.

    Its lists are in no budget, and its pools do not seem to change.
    """
    op.add_column("import_file", _number("bytes"))
    brand = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column(
        "import_file", sa.Column("brand", brand, nullable=False, server_default=sa.text("''"))
    )
    op.add_column("tally", _number("touched_at"))


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))
