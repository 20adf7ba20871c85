"""Long work that workers do in chunks."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPEN = sa.text("finished_at IS NULL")


def upgrade() -> None:
    """Make the table; the version before it does not know it and loses nothing by it."""
    op.create_table(
        "job",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("campaign_id", sa.Integer, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("parameters", TEXT, nullable=False),
        sa.Column("requested_by", TEXT, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("cursor", TEXT),
        sa.Column("detail", TEXT),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("lease", TEXT),
        sa.Column("leased_until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "id"),
        sa.ForeignKeyConstraint(["brand_id", "campaign_id"], ["campaign.brand_id", "campaign.id"]),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="job_state"
        ),
        sa.CheckConstraint(
            "done >= 0 AND failed >= 0 AND done + failed <= total", name="job_progress"
        ),
        sa.CheckConstraint(
            "(finished_at IS NULL) = (state IN ('queued', 'running'))", name="job_finished"
        ),
    )
    op.create_index("job_by_campaign", "job", ["brand_id", "campaign_id", "id"])
    op.create_index("job_open", "job", ["brand_id", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
