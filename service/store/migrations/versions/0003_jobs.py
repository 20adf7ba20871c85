"""Long work that workers do in chunks, and, on PostgreSQL, the queue that tells them of it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPEN = sa.text("finished_at IS NULL")
QUEUE = """
    CREATE TABLE IF NOT EXISTS huey_kv (queue text NOT NULL, key text NOT NULL,
        value bytea NOT NULL, PRIMARY KEY (queue, key));
    CREATE TABLE IF NOT EXISTS huey_schedule (id bigserial PRIMARY KEY, queue text NOT NULL,
        data bytea NOT NULL, timestamp double precision NOT NULL);
    CREATE INDEX IF NOT EXISTS huey_schedule_queue_timestamp ON huey_schedule (queue, timestamp);
    CREATE TABLE IF NOT EXISTS huey_task (id bigserial PRIMARY KEY, queue text NOT NULL,
        data bytea NOT NULL, priority double precision NOT NULL DEFAULT 0.0);
    CREATE INDEX IF NOT EXISTS huey_task_queue_priority_id
        ON huey_task (queue, priority DESC, id);
    CREATE TABLE IF NOT EXISTS huey_counter (queue text NOT NULL, key text NOT NULL,
        value bigint NOT NULL DEFAULT 0, PRIMARY KEY (queue, key));
"""
"""What Huey 3.5 makes itself where it is let; on SQLite it has a file of its own."""


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
    if op.get_context().dialect.name == "postgresql":
        for statement in filter(str.strip, QUEUE.split(";")):
            op.execute(statement)
