"""The meaning of PostgreSQL's errors: whether they are bugs, and whether a retry is safe."""

import time

import psycopg
from sqlalchemy.exc import DBAPIError

from service.store.postgresql.connection import STALE, UnsafeCommit

ATTEMPTS = 2
"""Attempts of a statement or transaction that the server has rolled back."""
RETRY_WITHIN_S = 1.0
"""Seconds after which no retry begins, as callers would not wait for it."""
_LOST_TO_OTHERS = {"55P03", "40P01"}  # lock timeout, deadlock
_UNDONE = {"40001", "40P01", *STALE}  # serialization failure, deadlock
"""SQLSTATEs of temporary errors without any effect."""
_NOT_OUR_FAULT = {
    "42P01",  # undefined table or column: not migrated yet
    "42703",
    "42501",  # insufficient privilege: an operator's concern
}
_OUR_FAULTS = ("22", "23", "42")
"""Classes of SQLSTATE of permanent errors: data, constraints, syntax."""


def is_our_fault(error: BaseException | None) -> bool:
    """Return whether an error is a bug, rather than temporary or an operator's concern."""
    state = _state(error)
    if state is None:  # the driver's own: an unsupported value, or a lost connection
        return isinstance(error, psycopg.DataError | psycopg.ProgrammingError)
    return state.startswith(_OUR_FAULTS) and state not in _NOT_OUR_FAULT


def is_undone(error: BaseException | None) -> bool:
    """Return whether the server rolled back for a temporary reason, so that a retry is safe."""
    return _state(error) in _UNDONE


def is_undone_or_lost(error: BaseException | None) -> bool:
    """Return whether nothing was done, or that is unknown; `False` for an unsafe commit."""
    return _state(error) in {None, *_UNDONE} and not isinstance(error, UnsafeCommit)


def is_lost_to_others(error: BaseException | None) -> bool:
    """Return whether a transaction was rolled back because of others' locks."""
    return _state(error) in _LOST_TO_OTHERS


def may_retry(attempt: int, began: float) -> bool:
    """Return whether another attempt is allowed after some, the first at `time.perf_counter`."""
    return attempt < ATTEMPTS and time.perf_counter() - began < RETRY_WITHIN_S


def _state(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error, `None` if it is not the server's."""
    return getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
