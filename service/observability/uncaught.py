"""Exceptions that nobody catches: Python would print their texts among the lines of the log."""

import sys
import threading
from types import TracebackType

from structlog.typing import FilteringBoundLogger


def log_uncaught_exceptions(log: FilteringBoundLogger) -> None:
    """Log the uncaught exceptions of all threads of this process, and of those it forks."""

    def of_main_thread(
        kind: type[BaseException], error: BaseException, stack: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, stack)
        else:
            log.critical("uncaught_exception", thread="main", exc_info=error)

    def of_thread(found: threading.ExceptHookArgs) -> None:
        if not isinstance(found.exc_value, SystemExit):
            name = found.thread.name if found.thread else None
            log.critical("uncaught_exception", thread=name, exc_info=found.exc_value)

    def of_finalizer(found: "sys.UnraisableHookArgs") -> None:
        log.error("uncaught_exception", thread="finalizer", exc_info=found.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = (
        of_main_thread,
        of_thread,
        of_finalizer,
    )
