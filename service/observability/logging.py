"""Logging: one pipeline for the application and for gunicorn, one JSON object a line.

Event names are static, what varies is in fields; `docs/logs.md` lists them all. Exceptions
are logged by type and place, without their messages: a driver's message can hold a row.
"""

import json
import logging
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from service.observability.log_output import DROPPED, LogOutput, output_to, standard_output
from service.settings import Settings


class LineLogger:
    """Takes rendered lines from structlog, whatever their level."""

    def __init__(self, output: LogOutput) -> None:
        self._output = output

    def msg(self, line: bytes | str) -> None:
        """Write a line."""
        self._output.write(_as_bytes(line) + b"\n")

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = msg


class OutputHandler(logging.Handler):
    """Takes what is logged with the standard library."""

    def __init__(self, output: LogOutput) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as a line, or drop it."""
        try:
            self._output.write(_as_bytes(self.format(record)) + b"\n")
        except Exception:  # noqa: BLE001 - whatever it is, who logs goes on
            DROPPED.add(1)


def build_logger(settings: Settings, stream: TextIO | None = None) -> FilteringBoundLogger:
    """Make the application's logger; a line that cannot be made or written is dropped.

    Args:
        settings: Tell the level.
        stream: Where lines go, by default standard output; a terminal gets colours.
    """
    stream = stream or standard_output()
    processors = [*_SHARED, _renderer(colours=stream.isatty())]
    logger: FilteringBoundLogger = structlog.wrap_logger(
        LineLogger(output_to(stream)),
        processors=[_harmless(processors)],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        cache_logger_on_first_use=True,
    )
    return logger


def route_stdlib_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send what libraries and gunicorn log with the standard library down the same pipeline."""
    stream = stream or standard_output()
    render = _renderer(colours=stream.isatty())
    handler = OutputHandler(output_to(stream))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_name_foreign_event, *_SHARED],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda *call: _as_text(render(*call)),
            ],
        )
    )
    logging.root.handlers = [handler]
    logging.root.setLevel(logging.WARNING)
    logging.getLogger("gunicorn").setLevel(settings.log_level.upper())
    logging.captureWarnings(capture=True)


def _harmless(processors: Sequence[Processor]) -> Processor:
    """Run processors so that whoever logs is not failed by what it logs."""

    def run(logger: WrappedLogger, name: str, event: EventDict) -> Any:
        made: Any = event
        try:
            for processor in processors:
                made = processor(logger, name, made)
        except Exception as error:
            DROPPED.add(1)
            raise structlog.DropEvent from error
        return made

    return run


def _renderer(*, colours: bool) -> Processor:
    if colours:
        return structlog.dev.ConsoleRenderer(colors=True, exception_formatter=lambda *_: None)
    return structlog.processors.JSONRenderer(serializer=_as_json)


def _as_json(event: Any, **options: Any) -> bytes:
    """Write JSON; what orjson cannot write, such as half of a surrogate pair, is escaped."""
    try:
        return orjson.dumps(event, **options)
    except TypeError:
        return json.dumps(event, **options).encode()


def _as_text(line: Any) -> str:
    return line.decode() if isinstance(line, bytes) else str(line)


def _as_bytes(line: bytes | str) -> bytes:
    return line if isinstance(line, bytes) else line.encode(errors="backslashreplace")


def _name_foreign_event(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Give a library's message, which varies, a field, and its line an event name."""
    record: logging.LogRecord = event["_record"]
    return {**event, "event": "library_message", "logger": record.name, "message": event["event"]}


def _render_exception(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replace an exception by its type, its causes' types, and where it was raised."""
    raised = event.pop("exc_info", None)
    error = raised[1] if isinstance(raised, tuple) else raised
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["exception"] = _types(error)
        event["database_error"] = database_error(error)
        event["stack"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
    return event


def _types(error: BaseException | None) -> Sequence[str]:
    """Name the types of an exception and its causes, outermost first."""
    names: list[str] = []
    while error is not None:
        kind = type(error)
        names.append(f"{kind.__module__}.{kind.__qualname__}")
        error = error.__cause__ or error.__context__
    return names


def _put_head(_logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Begin every line with when, how bad and what, for the eye that scans them."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {
        "timestamp": now,
        "level": _LEVELS.get(name, name),
        "event": event.pop("event"),
        **event,
    }


def database_error(error: BaseException | None) -> str | None:
    """Find the database's own name of what went wrong; unlike its message it holds no data.

    That is SQLite's, or PostgreSQL's SQLSTATE, or a few fixed words of our pool's.
    """
    while error is not None:
        for attribute in ("pool_reason", "sqlite_errorname", "sqlstate"):
            name = getattr(error, attribute, None)
            if isinstance(name, str):
                return name
        if hasattr(error, "sqlstate"):  # PostgreSQL's, without a word from the server
            return "connection lost"
        error = error.__cause__ or error.__context__
    return None


_LEVELS = {"warn": "warning", "exception": "error"}
_SHARED: Sequence[Processor] = (_put_head, _render_exception)
