"""The tables of imports."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, Table, text

from service.store.tables.shared import PlainText, metadata

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
"""Blocks of a list, until they have been read."""

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
