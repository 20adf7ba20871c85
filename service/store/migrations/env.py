"""Alembic's entry point, which runs the steps on the connection of `maintenance/upgrade.py`."""

from alembic import context

from service.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite's DDL is transactional unless the driver commits
)
with context.begin_transaction():
    context.run_migrations()
