"""The database of the settings, as commands open it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from service.cli.failures import failures_of
from service.container.storage import Storage, build_storage
from service.settings import load_settings
from service.store.migrations.current import why_not_ready


@contextmanager
def opened_storage() -> Iterator[Storage]:
    """Open the database of the settings.

    Raises:
        ClickException: There is none, or its tables are not there.
    """
    settings = load_settings()
    failures = failures_of(settings)
    failures.require_database()
    storage = build_storage(settings, threads=1)
    with closing(storage.database):
        if why := why_not_ready(storage.database):
            raise click.ClickException(f"{failures.name}: {why}.")
        yield storage
