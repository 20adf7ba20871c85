"""From SQLAlchemy's connection to the driver's own."""

from sqlalchemy import Connection

from service.store.postgresql.connection import Connection as PostgreSQLConnection


def driver_of(connection: Connection) -> PostgreSQLConnection:
    """Return the driver's own connection, inside the same transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, PostgreSQLConnection)  # noqa: S101 - for the type checker
    return driver
