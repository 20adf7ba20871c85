"""Brands, campaigns, their codes, and the tally of states."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

STATES = ("available", "reserved", "redeemed", "expired", "disabled")
FREE = sa.text("state = 'available'")
TAKEN = sa.text("state <> 'available'")
HELD = sa.text("user_id IS NOT NULL")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "brand",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "campaign",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "id"),
        sa.UniqueConstraint("brand_id", "name"),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"]),
        sqlite_with_rowid=False,
    )
    pool = (["brand_id", "campaign_id"], ["campaign.brand_id", "campaign.id"])
    op.create_table(
        "tally",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("campaign_id", sa.Integer, nullable=False),
        *(
            sa.Column(state, sa.BigInteger, nullable=False, server_default=sa.text("0"))
            for state in STATES
        ),
        sa.PrimaryKeyConstraint("brand_id", "campaign_id"),
        sa.ForeignKeyConstraint(*pool),
        sa.CheckConstraint(
            " AND ".join(f"{state} >= 0" for state in STATES), name="tally_not_negative"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "code",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("campaign_id", sa.Integer, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("reserved_at", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("brand_id", "campaign_id", "code"),
        sa.UniqueConstraint("brand_id", "code"),
        sa.ForeignKeyConstraint(*pool),
        sa.CheckConstraint(
            "state IN ('available', 'reserved', 'redeemed', 'expired', 'disabled')",
            name="code_state",
        ),
        sa.CheckConstraint(
            "state <> 'available' OR user_id IS NULL", name="code_available_is_nobodys"
        ),
        sa.CheckConstraint(
            "state NOT IN ('reserved', 'redeemed') OR user_id IS NOT NULL",
            name="code_held_by_someone",
        ),
        sa.CheckConstraint("(user_id IS NULL) = (reserved_at IS NULL)", name="code_held_since"),
        sqlite_with_rowid=False,
    )
    _index("code_by_user", "user_id", where=HELD, unique=True)
    _index("code_free", "code", where=FREE)
    _index("code_taken", "state", "code", where=TAKEN)


def _index(name: str, *columns: str, where: sa.TextClause, unique: bool = False) -> None:
    op.create_index(
        name,
        "code",
        ["brand_id", "campaign_id", *columns],
        unique=unique,
        sqlite_where=where,
        postgresql_where=where,
    )
