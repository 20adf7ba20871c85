"""Brands, campaigns, their codes, and the tally of states."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

STATES = ("available", "reserved", "redeemed", "expired", "disabled")
FREE = sa.text("state = 'available'")
TAKEN = sa.text("state <> 'available'")
HELD = sa.text("user_id IS NOT NULL")
PLAIN_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
POOL = (["brand_id", "campaign_id"], ["campaign.brand_id", "campaign.id"])


def upgrade() -> None:
    """Create the first tables."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    op.create_table(
        "brand",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("name", PLAIN_TEXT, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "campaign",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", PLAIN_TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "id"),
        sa.UniqueConstraint("brand_id", "name"),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"]),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tally",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("campaign_id", sa.Integer, nullable=False),
        *(
            sa.Column(state, sa.BigInteger, nullable=False, server_default=sa.text("0"))
            for state in STATES
        ),
        *(() if on_postgresql else _one_row()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "code",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("campaign_id", sa.Integer, nullable=False),
        sa.Column("code", PLAIN_TEXT, nullable=False),
        sa.Column("state", PLAIN_TEXT, nullable=False),
        sa.Column("user_id", PLAIN_TEXT),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("reserved_at", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger),
        *((_probe(),) if on_postgresql else ()),
        sa.PrimaryKeyConstraint("brand_id", "campaign_id", "code"),
        sa.UniqueConstraint("brand_id", "code"),
        sa.ForeignKeyConstraint(*POOL),
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
    if on_postgresql:
        _index("code_free_by_probe", "probe", where=FREE)
        op.create_index("tally_of_pool", "tally", ["brand_id", "campaign_id"])


def _one_row() -> tuple[sa.Constraint, ...]:
    """Return the constraint of one row per campaign."""
    return (
        sa.PrimaryKeyConstraint("brand_id", "campaign_id"),
        sa.ForeignKeyConstraint(*POOL),
        sa.CheckConstraint(
            " AND ".join(f"{state} >= 0" for state in STATES), name="tally_not_negative"
        ),
    )


def _probe() -> sa.Column[int]:
    """Return the column of the places where claims may begin: random numbers."""
    somewhere = sa.text("floor(random() * 4294967296 - 2147483648)")
    return sa.Column("probe", sa.Integer, nullable=False, server_default=somewhere)


def _index(name: str, *columns: str, where: sa.TextClause, unique: bool = False) -> None:
    op.create_index(
        name,
        "code",
        ["brand_id", "campaign_id", *columns],
        unique=unique,
        sqlite_where=where,
        postgresql_where=where,
    )
