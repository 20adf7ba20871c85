"""A database and everything that is kept in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.observability.probes import Check
from service.settings import Settings
from service.store.database import Database, Observer
from service.store.engines import open_database, reservations_in
from service.store.imports.files import SQLImports
from service.store.jobs.leases import SQLWork
from service.store.jobs.repository import SQLJobs
from service.store.migrations.current import why_not_ready
from service.store.repositories.exports import SQLExports
from service.store.repositories.status import SQLStatus
from service.store.repositories.store import SQLStore
from service.store.signals import Signals
from service.usecases.ports.imports import Budgets

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A database and everything that is kept in it: all that commands and workers need."""

    database: Database
    store: SQLStore
    jobs: SQLJobs
    work: SQLWork
    imports: SQLImports
    exports: SQLExports
    status: SQLStatus


def build_storage(
    settings: Settings,
    *,
    threads: int | None = None,
    observer: Observer | None = None,
    signals: Signals | None = None,
    budgets: Budgets | None = None,
) -> Storage:
    """Build the storage that the settings name.

    Args:
        settings: They name the database.
        threads: How many threads use it, where that is not the settings' number.
        observer: Hears what the database does.
        signals: How callers wait, where not all of them are threads.
        budgets: How many bytes open imports may have, if there is a limit.

    Raises:
        SettingsError: The name of the database cannot be used.
    """
    database = open_database(settings, observer, threads, signals)
    return Storage(
        database=database,
        store=SQLStore(database, reservations_in(database)),
        jobs=SQLJobs(database),
        work=SQLWork(database),
        imports=SQLImports(database, budgets),
        exports=SQLExports(database),
        status=SQLStatus(database, settings.metrics_pools),
    )


def readiness_checks(database: Database) -> Mapping[str, Check]:
    """Return what must be true of the database before anything can be done."""
    return {"database": database.why_not_ready, "tables": lambda: why_not_ready(database)}
