"""The store: the only room that knows SQLAlchemy and SQL."""
