"""The tables of brands, campaigns, codes with their holders, redemptions, and tallies."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    FetchedValue,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    false,
    text,
)

from service.domain.model import HELD, State
from service.store.tables.shared import POSTGRESQL_ONLY, SQLITE_ONLY, PlainText, metadata

HELD_STATES = ", ".join(f"'{state}'" for state in HELD)
STATES = ", ".join(f"'{state}'" for state in State)
"""All states, and those of a code with a holder, as lists in SQL."""

brand = Table(
    "brand",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", PlainText, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("code_key", LargeBinary, nullable=False, server_default=FetchedValue()),
)
"""Brands; the database makes the key of their codes' ids, see `domain.code_ids`."""

campaign = Table(
    "campaign",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("id", Integer, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("discount", PlainText),
    Column("claims_from", BigInteger),
    Column("starts_at", BigInteger),
    Column("ends_at", BigInteger),
    Column("reservation_ttl_s", Integer),
    Column("on_lapse", PlainText, nullable=False, server_default=text("'expire'")),
    Column("on_release", PlainText, nullable=False, server_default=text("'retire'")),
    Column("redeem_by", PlainText, nullable=False, server_default=text("'holder'")),
    Column("code_format", PlainText),
    Column("low_at", PlainText, nullable=False, server_default=text("'[]'")),
    Column("reserved_events", Boolean, nullable=False, server_default=false()),
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("archived", Boolean, nullable=False, server_default=false()),
    Column("metadata", PlainText, nullable=False, server_default=text("'{}'")),
    Column("version", Integer, nullable=False, server_default=text("0")),
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
    Column("on_lapse", PlainText),
    Column("redeemed_at", BigInteger),
    Column("disabled_at", BigInteger),
    Column("disabled_by", PlainText),
    Column("hold_reference", PlainText),
    Column("held_from", BigInteger),
    Column("held_until", BigInteger),
    Column("version", Integer, nullable=False, server_default=text("0")),
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
    CheckConstraint(f"state IN ({STATES})", name="code_state"),
    CheckConstraint("state <> 'available' OR user_id IS NULL", name="code_available_is_nobodys"),
    CheckConstraint(
        f"state NOT IN ({HELD_STATES}) OR user_id IS NOT NULL", name="code_held_by_someone"
    ),
    CheckConstraint("(user_id IS NULL) = (reserved_at IS NULL)", name="code_held_since"),
)
"""Codes; on SQLite the rows are stored in the order of their creation.

`state` is what the other columns say without the clock, for indexes and tallies; only the sweeper
writes `expired`. What a code is at a moment is in `repositories.code_states`.

Indexes end in `rowid` there: a thousand new codes then go to random pages of one index only, see
docs/adr/0014-store-codes-in-insertion-order.md.
"""

Index("tally_of_pool", tally.c.brand_id, tally.c.campaign_id, info=POSTGRESQL_ONLY)

Index(
    "code_by_user",
    code.c.brand_id,
    code.c.user_id,
    code.c.campaign_id,
    unique=True,
    sqlite_where=text("user_id IS NOT NULL"),
    postgresql_where=text("user_id IS NOT NULL"),
)
_FREE = text("state = 'available'")
_TAKEN = text("state <> 'available'")
_POOL = (code.c.brand_id, code.c.campaign_id)
_DUE = text("state = 'reserved' AND expires_at IS NOT NULL")
Index("code_due", *_POOL, code.c.expires_at, sqlite_where=_DUE, postgresql_where=_DUE)
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

redemption = Table(
    "redemption",
    metadata,
    Column("brand_id", Integer, nullable=False),
    Column("code", PlainText, nullable=False),
    Column("reference", PlainText, nullable=False),
    Column("user_id", PlainText),
    Column("redeemed_at", BigInteger),
    Column("undone_at", BigInteger),
    PrimaryKeyConstraint("brand_id", "code", "reference"),
    sqlite_with_rowid=False,
)
"""What references did with codes: a reference that was undone, or refused beforehand, is kept.

The key is where a redemption and its undoing meet, even if the undoing comes first.
"""

_BY_SOMEBODY = text("user_id IS NOT NULL")
Index(
    "redemption_by_user",
    redemption.c.brand_id,
    redemption.c.user_id,
    sqlite_where=_BY_SOMEBODY,
    postgresql_where=_BY_SOMEBODY,
)
