"""The choice of the engine by the URL: the only place that chooses.

An engine is imported only if it is used, and imports what it needs only where that is used: an
upgrade that has nothing to do starts without SQLAlchemy, and what PostgreSQL needs would be a tenth
of a start on SQLite, and 8 MiB.
"""

from service.store.engine import Engine


def engine_of(url: str) -> Engine:
    """Return the engine that a URL names, which SQLAlchemy need not be able to read."""
    if url.startswith("sqlite:"):
        from service.store.sqlite.engine import ENGINE as SQLITE

        return SQLITE
    from service.store.postgresql.engine import ENGINE as POSTGRESQL

    return POSTGRESQL
