"""Flask-SQLAlchemy on an existing database: one engine for both."""

from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine

from service.store.database import Database
from service.store.tables import metadata


class DatabaseExtension(SQLAlchemy):
    """The extension that gives an application a database's engine and sessions.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        super().__init__(metadata=metadata)

    def init_app(self, app: Flask) -> None:
        """Register with an application."""
        app.config["SQLALCHEMY_DATABASE_URI"] = self._database.engine.url
        super().init_app(app)

    def _make_engine(self, _bind_key: str | None, _options: dict[str, Any], _app: Flask) -> Engine:
        return self._database.engine
