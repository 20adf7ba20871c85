"""The rules of campaigns."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

PLAIN_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add columns, all with the default rules, which is what the version before writes."""
    for name in ("discount", "code_format"):
        op.add_column("campaign", sa.Column(name, PLAIN_TEXT))
    for name in ("claims_from", "starts_at", "ends_at"):
        op.add_column("campaign", sa.Column(name, sa.BigInteger))
    op.add_column("campaign", sa.Column("reservation_ttl_s", sa.Integer))
    for name, default in (
        ("on_lapse", "expire"),
        ("on_release", "retire"),
        ("redeem_by", "holder"),
        ("low_at", "[]"),
        ("metadata", "{}"),
    ):
        op.add_column("campaign", _required(name, PLAIN_TEXT, sa.text(f"'{default}'")))
    for name in ("reserved_events", "paused", "archived"):
        op.add_column("campaign", _required(name, sa.Boolean(), sa.false()))


def _required(name: str, kind: Any, default: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default=default)
