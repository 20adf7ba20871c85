"""A random key of each brand, under which a code has an id that does not show it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

RANDOM_UUIDS = sa.text("(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))")


def upgrade() -> None:
    """Give each brand a key, also those that the version before makes from now on."""
    if op.get_context().dialect.name == "sqlite":
        _rebuild()
        return
    key = sa.Column("code_key", sa.LargeBinary, nullable=False, server_default=RANDOM_UUIDS)
    op.add_column("brand", key)


def _rebuild() -> None:
    """Build the table anew: SQLite adds no column whose default is an expression.

    References are looked at when the transaction ends, when every brand is back.
    https://www.sqlite.org/foreignkeys.html#fk_schemacommands
    """
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TABLE brand_before AS SELECT id, name, created_at FROM brand")
    op.drop_table("brand")
    op.create_table(
        "brand",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column(
            "code_key", sa.LargeBinary, nullable=False, server_default=sa.text("(randomblob(32))")
        ),
    )
    op.execute("INSERT INTO brand (id, name, created_at) SELECT * FROM brand_before")
    op.drop_table("brand_before")
