"""Alembic's entry: runs the steps on the connection that `maintenance/upgrade.py` hands over."""

from alembic import context

from service.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite's DDL is transactional once the driver keeps its hands off
)
with context.begin_transaction():
    context.run_migrations()
