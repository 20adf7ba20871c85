"""Shared parts of all tables, and the parts of one engine."""

from sqlalchemy import MetaData, Text
from sqlalchemy.schema import SchemaItem

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
