"""Wiring of a database and its stores."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.observability.probes import Check
from service.settings import Settings
from service.store.database import Database, Observer
from service.store.imports.files import SQLImports
from service.store.jobs.leases import SQLWork
from service.store.jobs.repository import SQLJobs
from service.store.migrations.current import why_not_ready
from service.store.opening import code_moves_in, open_database, reservations_in
from service.store.repositories.exports import SQLExports
from service.store.repositories.status import SQLStatus
from service.store.repositories.store import SQLStore
from service.store.signals import Signals
from service.usecases.ports.code_moves import CodeMoves
from service.usecases.ports.imports import Budgets

DATABASE_CHECK = "database"
"""The name of the readiness check that the database answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A database with its stores: all that commands and workers need."""

    database: Database
    store: SQLStore
    code_moves: CodeMoves
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
    """Build the storage of the settings.

    Args:
        settings: The settings of the database.
        threads: The number of threads, if it differs from the settings.
        observer: The observer of the database.
        signals: The signals for waiting callers, if not all callers are threads.
        budgets: The budgets of open imports, if there are any.

    Raises:
        SettingsError: The URL of the database cannot be used.
    """
    database = open_database(settings, observer, threads, signals)
    return Storage(
        database=database,
        store=SQLStore(database, reservations_in(database)),
        code_moves=code_moves_in(database),
        jobs=SQLJobs(database),
        work=SQLWork(database),
        imports=SQLImports(database, budgets),
        exports=SQLExports(database),
        status=SQLStatus(database, settings.metrics_pools),
    )


def readiness_checks(database: Database) -> Mapping[str, Check]:
    """Return the readiness checks of the database."""
    return {DATABASE_CHECK: database.why_not_ready, "tables": lambda: why_not_ready(database)}
