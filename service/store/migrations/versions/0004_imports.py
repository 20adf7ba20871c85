"""Imports of lists of codes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables, which the previous version does not need."""
    op.create_table(
        "import_file",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("job_brand_id", sa.Integer),
        sa.Column("job_id", TEXT),
        sa.PrimaryKeyConstraint("brand_id", "id"),
    )
    op.create_table(
        "import_block",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("file", TEXT, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "file", "number"),
    )
    op.create_table(
        "import_run",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("file", TEXT, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("content", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "file", "run", "part"),
    )
    op.create_table(
        "import_row",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("file", TEXT, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "code"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "import_refusal",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("job_id", TEXT, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "job_id", "line"),
        sqlite_with_rowid=False,
    )
