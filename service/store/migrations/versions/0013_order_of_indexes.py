"""The index of ends of reservations, and the key of holders in another order.

The step is on its own, so that building the indexes makes writers wait, and readers only for the
exchange at the end. On PostgreSQL, the indexes of a large table can be built beforehand, without
that wait, see docs/runbooks/migration-missing.md: the step takes those that it finds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

DUE = sa.text("state = 'reserved' AND expires_at IS NOT NULL")
HELD = sa.text("user_id IS NOT NULL")
BY_USER, ORDERED = "code_by_user", "code_by_user_and_campaign"
IS_THERE = sa.text("""
    SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)
""")


def upgrade() -> None:
    """Build the indexes, then exchange the key."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    name = ORDERED if on_postgresql else BY_USER
    if not on_postgresql:
        op.drop_index(BY_USER, "code")
    _index("code_due", "brand_id", "campaign_id", "expires_at", where=DUE)
    _index(name, "brand_id", "user_id", "campaign_id", where=HELD, unique=True)
    if on_postgresql:
        op.drop_index(BY_USER, "code")
        op.execute(f"ALTER INDEX {ORDERED} RENAME TO {BY_USER}")


def _index(name: str, *columns: str, where: sa.TextClause, unique: bool = False) -> None:
    """Build an index, unless it has been built beforehand."""
    context = op.get_context()
    if context.dialect.name == "postgresql" and not context.as_sql:
        valid = op.get_bind().execute(IS_THERE, {"name": name}).scalar()
        if valid:
            return
        if valid is False:  # its building was interrupted
            op.drop_index(name, "code")
    op.create_index(
        name, "code", columns, unique=unique, sqlite_where=where, postgresql_where=where
    )
