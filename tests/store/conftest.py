"""Fixtures of the store's tests: the plans of executed statements."""

from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import event

from service.store.postgresql.driver import driver_of

READ_OR_CHANGE = ("SELECT", "UPDATE", "WITH")


@pytest.fixture
def plans(engine, database, monkeypatch):
    """Collect the engine's plan of every statement that runs inside a `with` block."""
    collect = {"sqlite": _on_sqlite, "postgresql": _on_postgresql}[engine]
    return lambda: collect(database, monkeypatch)


@contextmanager
def _on_sqlite(database, _monkeypatch):
    steps: list[str] = []
    seen: list[str] = []

    def trace(connection, _record):
        connection.set_trace_callback(seen.append)

    database.close()
    event.listen(database.engine, "connect", trace)
    yield steps
    event.remove(database.engine, "connect", trace)
    database.close()
    with database.read() as connection:
        for statement in seen:
            if statement.lstrip().startswith(READ_OR_CHANGE):
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
                steps += [row[3] for row in rows]


@contextmanager
def _on_postgresql(database, monkeypatch):
    steps: list[str] = []
    seen = []
    execute = psycopg.Cursor.execute

    def trace(cursor, query, params=None, **options):
        seen.append((query, params))
        return execute(cursor, query, params, **options)

    with monkeypatch.context() as tracing:
        tracing.setattr(psycopg.Cursor, "execute", trace)
        yield steps
    with database.read() as connection:
        for query, params in seen:
            if str(query).lstrip().startswith(READ_OR_CHANGE) and "pg_catalog" not in str(query):
                rows = driver_of(connection).execute(f"EXPLAIN {query}", params)
                steps += [row[0] for row in rows]
