"""Error messages of commands: the only place that converts exceptions to sentences."""

from service.api.problems.catalogue import detail_of
from service.domain.errors import InvalidRequest, ServiceError, Unavailable
from service.settings import Settings, SettingsError, load_settings
from service.store.engine import Failures
from service.store.engines import engine_of
from service.store.errors import MaintenanceError, UnfitDatabaseError


def failures_of(settings: Settings) -> Failures:
    """Return the sentences about the configured database."""
    return engine_of(settings.database_url).failures(settings)


def sentence_of(error: BaseException) -> str | None:
    """Return a sentence about an error, with its file, host or setting; `None` for a bug."""
    if isinstance(error, UnfitDatabaseError):
        return f"{failures_of(load_settings()).name}: {error}."
    if isinstance(error, SettingsError | MaintenanceError):
        return str(error)
    if isinstance(error, ServiceError):
        return _of_call(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}."
    return database_failure(error)


def _of_call(error: ServiceError) -> str:
    if isinstance(error, InvalidRequest) and error.errors:
        return " ".join(fault.detail for fault in error.errors)
    found = database_failure(error) if isinstance(error, Unavailable) else None
    return found or detail_of(error)


def database_failure(error: BaseException) -> str | None:
    """Return a sentence about an error of the configured database, `None` for another error."""
    from service.observability.logging import database_error

    reason = database_error(error)
    return failures_of(load_settings()).describe(error, reason) if reason else None
