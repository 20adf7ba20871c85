"""Access to the driver's connection."""

from sqlalchemy import Connection

from service.store.postgresql.connection import Connection as PostgreSQLConnection


def driver_of(connection: Connection) -> PostgreSQLConnection:
    """Return the driver's connection, in the same transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, PostgreSQLConnection)  # noqa: S101 - for the type checker
    return driver
