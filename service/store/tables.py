"""The tables, as used by statements. Migrations create them; a test compares the two.

Every key begins with the brand's integer id, so that the data can be split by brand. One
row of `code` is a code and, if a user holds it, that user's reservation: the two guarantees
of the service are two unique keys of one table, which no race can violate.

Items of a single engine are marked in their `info`, see `belongs`. Texts are compared by
code points, which SQLite does by default, and PostgreSQL on request.

Times are integers: milliseconds since 1970-01-01T00:00:00Z.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem

from service.domain.jobs import JobState
from service.domain.model import State

metadata = MetaData()

SQLITE_ONLY = {"engine": "sqlite"}
POSTGRESQL_ONLY = {"engine": "postgresql"}


def belongs(item: SchemaItem, engine: str) -> bool:
    """Return whether an engine, by SQLAlchemy's name, has a column, a constraint or an index."""
    found: str = item.info.get("engine", engine)
    return found == engine


def belongs_to_all(item: SchemaItem) -> bool:
    """Return whether every engine has a column, a constraint or an index."""
    return "engine" not in item.info


PlainText = Text().with_variant(Text(collation="C"), "postgresql")

IDEMPOTENCY_KEY = "idempotency_key"
JOB_OPEN = "finished_at IS NULL"
_STATES = ", ".join(f"'{state}'" for state in State)
_JOB_STATES = ", ".join(f"'{state}'" for state in JobState)

brand = Table(
    "brand",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", PlainText, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
)

campaign = Table(
    "campaign",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("id", Integer, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("brand_id", "id"),
    UniqueConstraint("brand_id", "name"),
    ForeignKeyConstraint(["brand_id"], ["brand.id"]),
    sqlite_with_rowid=False,
)

tally = Table(
    "tally",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("campaign_id", Integer, nullable=False),
    *(Column(state, BigInteger, nullable=False, server_default=text("0")) for state in State),
    Column("touched_at", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("brand_id", "campaign_id", info=SQLITE_ONLY),
    ForeignKeyConstraint(
        ["brand_id", "campaign_id"], ["campaign.brand_id", "campaign.id"], info=SQLITE_ONLY
    ),
    CheckConstraint(
        " AND ".join(f"{state} >= 0" for state in State),
        name="tally_not_negative",
        info=SQLITE_ONLY,
    ),
    sqlite_with_rowid=False,
)
"""The number of a campaign's codes in each state, so that no rows are counted.

On PostgreSQL a campaign's counts are the sum of its rows, see `pools.move`. `touched_at` says when
codes were last added or taken, or asked for when there were none; the newest row has it.
"""

code = Table(
    "code",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("campaign_id", Integer, nullable=False),
    Column("code", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("user_id", PlainText),
    Column("created_at", BigInteger, nullable=False),
    Column("reserved_at", BigInteger),
    Column("expires_at", BigInteger),
    Column(
        "probe",
        Integer,
        nullable=False,
        server_default=text("floor(random() * 4294967296 - 2147483648)"),
        info=POSTGRESQL_ONLY,
    ),
    PrimaryKeyConstraint("brand_id", "campaign_id", "code", info=POSTGRESQL_ONLY),
    UniqueConstraint("brand_id", "code"),
    ForeignKeyConstraint(["brand_id", "campaign_id"], ["campaign.brand_id", "campaign.id"]),
    CheckConstraint(f"state IN ({_STATES})", name="code_state"),
    CheckConstraint("state <> 'available' OR user_id IS NULL", name="code_available_is_nobodys"),
    CheckConstraint(
        "state NOT IN ('reserved', 'redeemed') OR user_id IS NOT NULL", name="code_held_by_someone"
    ),
    CheckConstraint("(user_id IS NULL) = (reserved_at IS NULL)", name="code_held_since"),
)
"""On SQLite its rows lie in the order in which they were made, and indexes end in `rowid`: a
thousand new codes then go to random pages of one index only, see
docs/adr/0014-store-codes-in-insertion-order.md."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("answer", PlainText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("kind", PlainText),
    PrimaryKeyConstraint("brand_id", "key"),
    ForeignKeyConstraint(["brand_id"], ["brand.id"]),
)
"""Answers to requests with an Idempotency-Key: a JSON array of codes, or of the id of a
job, as `kind` says; versions before revision 9 write none."""

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
the first. `state_version` says how `parameters` and `cursor` are written, see `STATE_VERSION`."""

# Not by brand: a key belongs to a caller and a path, and the body may name another brand. Where
# data are split by brand, a key is unique within its part.
Index(IDEMPOTENCY_KEY, idempotency.c.key, unique=True)
Index("idempotency_by_age", idempotency.c.brand_id, idempotency.c.created_at)

Index("tally_of_pool", tally.c.brand_id, tally.c.campaign_id, info=POSTGRESQL_ONLY)

Index("job_by_campaign", job.c.brand_id, job.c.campaign_id, job.c.id)
Index(
    "job_open",
    job.c.brand_id,
    job.c.id,
    sqlite_where=text(JOB_OPEN),
    postgresql_where=text(JOB_OPEN),
)

Index(
    "code_by_user",
    code.c.brand_id,
    code.c.campaign_id,
    code.c.user_id,
    unique=True,
    sqlite_where=text("user_id IS NOT NULL"),
    postgresql_where=text("user_id IS NOT NULL"),
)
_FREE = text("state = 'available'")
_TAKEN = text("state <> 'available'")
_POOL = (code.c.brand_id, code.c.campaign_id)
Index("code_of_campaign", *_POOL, info=SQLITE_ONLY)
Index("code_free", *_POOL, sqlite_where=_FREE, info=SQLITE_ONLY)
Index("code_free", *_POOL, code.c.code, postgresql_where=_FREE, info=POSTGRESQL_ONLY)
Index("code_taken", *_POOL, code.c.state, sqlite_where=_TAKEN, info=SQLITE_ONLY)
Index(
    "code_taken",
    *_POOL,
    code.c.state,
    code.c.code,
    postgresql_where=_TAKEN,
    info=POSTGRESQL_ONLY,
)
Index("code_free_by_probe", *_POOL, code.c.probe, postgresql_where=_FREE, info=POSTGRESQL_ONLY)

import_file = Table(
    "import_file",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("id", PlainText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("job_brand_id", Integer),
    Column("job_id", PlainText),
    Column("brand", PlainText, nullable=False, server_default=text("''")),
    Column("bytes", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("brand_id", "id"),
)
"""A list of codes of an import. If the brand does not exist yet, `brand_id` is 0; so it is in
the two tables that follow; `brand` is its name all the same. `bytes` is what it has in the budget
of open imports: what was announced, or has come. What belongs to a file is purged when its job has
ended."""

import_block = Table(
    "import_block",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("file", PlainText, nullable=False),
    Column("number", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("brand_id", "file", "number"),
)
"""Blocks of the list, until they have been read."""

import_run = Table(
    "import_run",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("file", PlainText, nullable=False),
    Column("run", Integer, nullable=False),
    Column("part", Integer, nullable=False),
    Column("content", PlainText, nullable=False),
    PrimaryKeyConstraint("brand_id", "file", "run", "part"),
)
"""Codes and their lines, sorted within a run; runs are merged."""

import_row = Table(
    "import_row",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("code", PlainText, nullable=False),
    Column("file", PlainText, nullable=False),
    Column("line", Integer, nullable=False),
    PrimaryKeyConstraint("brand_id", "code"),
    sqlite_with_rowid=False,
)
"""Checked codes that will be stored. The brand creates none of them meanwhile."""

import_refusal = Table(
    "import_refusal",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("job_id", PlainText, nullable=False),
    Column("line", Integer, nullable=False),
    Column("reason", PlainText, nullable=False),
    PrimaryKeyConstraint("brand_id", "job_id", "line"),
    sqlite_with_rowid=False,
)
"""Refused lines, for the report of the job."""
