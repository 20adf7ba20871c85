"""The table of jobs."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    text,
)

from service.domain.jobs import JobState
from service.store.tables.shared import PlainText, metadata

JOB_OPEN = "finished_at IS NULL"
_JOB_STATES = ", ".join(f"'{state}'" for state in JobState)

job = Table(
    "job",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("id", PlainText, nullable=False),
    Column("campaign_id", Integer, nullable=False),
    Column("kind", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("parameters", PlainText, nullable=False),
    Column("requested_by", PlainText, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("cursor", PlainText),
    Column("detail", PlainText),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("lease", PlainText),
    Column("leased_until", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("heartbeat", BigInteger, nullable=False, server_default=text("0")),
    Column("state_version", BigInteger, nullable=False, server_default=text("1")),
    PrimaryKeyConstraint("brand_id", "id"),
    ForeignKeyConstraint(["brand_id", "campaign_id"], ["campaign.brand_id", "campaign.id"]),
    CheckConstraint(f"state IN ({_JOB_STATES})", name="job_state"),
    CheckConstraint("done >= 0 AND failed >= 0 AND done + failed <= total", name="job_progress"),
    CheckConstraint(
        f"({JOB_OPEN}) = (state IN ('{JobState.QUEUED}', '{JobState.RUNNING}'))",
        name="job_finished",
    ),
)
"""Jobs: their progress, their lease, and how many workers have taken them since the last progress.

A worker that lives changes `heartbeat`, see `jobs/due.py`; `leased_until` is for versions before
revision 7. Where no worker has the job, `leased_until` is its turn among those that wait, 0 being
the first. `state_version` says how `parameters` and `cursor` are written, see
`usecases/job_kinds.py`."""

Index("job_by_campaign", job.c.brand_id, job.c.campaign_id, job.c.id)
Index(
    "job_open",
    job.c.brand_id,
    job.c.id,
    sqlite_where=text(JOB_OPEN),
    postgresql_where=text(JOB_OPEN),
)
