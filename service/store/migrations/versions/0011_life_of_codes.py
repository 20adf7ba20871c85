"""The life of codes: ends, holds, redemptions, disabling, and versions."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

PLAIN_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
HELD = sa.text("user_id IS NOT NULL")


def upgrade() -> None:
    """Add columns that the version before leaves alone, and the table of redemptions."""
    op.add_column("campaign", _version())
    for name in ("on_lapse", "disabled_by", "hold_reference"):
        op.add_column("code", sa.Column(name, PLAIN_TEXT))
    for name in ("redeemed_at", "disabled_at", "held_from", "held_until"):
        op.add_column("code", sa.Column(name, sa.BigInteger))
    op.add_column("code", _version())
    _make_redemptions()


def _make_redemptions() -> None:
    op.create_table(
        "redemption",
        sa.Column("brand_id", sa.Integer, nullable=False),
        sa.Column("code", PLAIN_TEXT, nullable=False),
        sa.Column("reference", PLAIN_TEXT, nullable=False),
        sa.Column("user_id", PLAIN_TEXT),
        sa.Column("redeemed_at", sa.BigInteger),
        sa.Column("undone_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("brand_id", "code", "reference"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "redemption_by_user",
        "redemption",
        ["brand_id", "user_id"],
        sqlite_where=HELD,
        postgresql_where=HELD,
    )


def _version() -> sa.Column[int]:
    return sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("0"))
