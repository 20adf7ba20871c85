"""Logging: one pipeline for the application and gunicorn, one JSON object per line.

Event names are static, and fields hold what varies; `docs/logs.md` lists them all. Exceptions are
logged by type and place, without their messages: a driver's message can contain a row.
"""

import json
import logging
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from service.observability.log_output import DROPPED, LogOutput, output_to, standard_output
from service.observability.messages import timestamp
from service.observability.stacks import PrintedStacks, frames_of, id_of
from service.settings import Settings


class LineLogger:
    """A logger for structlog that writes rendered lines of any level."""

    def __init__(self, output: LogOutput) -> None:
        self._output = output

    def msg(self, line: bytes | str) -> None:
        """Write a line, unless it is empty."""
        if line:
            self._output.write(_as_bytes(line) + b"\n")

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = msg


class OutputHandler(logging.Handler):
    """A handler for the standard library's logging."""

    def __init__(self, output: LogOutput) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as a line, or drop it."""
        try:
            self._output.write(_as_bytes(self.format(record)) + b"\n")
        except Exception:  # noqa: BLE001 - logging must not fail its caller
            DROPPED.add(1)


def build_logger(settings: Settings, stream: TextIO | None = None) -> FilteringBoundLogger:
    """Make the application's logger; a line that cannot be made or written is dropped.

    Args:
        settings: The log level.
        stream: Where lines go, by default standard output; a terminal gets short lines for people.
    """
    stream = stream or standard_output()
    processors: Sequence[Processor] = [
        _put_head,
        ExceptionRenderer(),
        _renderer(terminal=stream.isatty()),
    ]
    logger: FilteringBoundLogger = structlog.wrap_logger(
        LineLogger(output_to(stream)),
        processors=[_harmless(processors)],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        cache_logger_on_first_use=True,
    )
    return logger


def route_stdlib_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Route the standard library's logging, which gunicorn uses, into the same pipeline."""
    stream = stream or standard_output()
    render = _renderer(terminal=stream.isatty())
    handler = OutputHandler(output_to(stream))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_name_foreign_event, _put_head, ExceptionRenderer()],
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
    """Return a processor that drops the event if one of the processors fails."""

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


def _renderer(*, terminal: bool) -> Processor:
    """Return what writes an event: JSON, or a short line on a terminal."""
    if terminal:
        from service.observability.terminal import terminal_line

        return terminal_line
    return structlog.processors.JSONRenderer(serializer=_as_json)


def _as_json(event: Any, **options: Any) -> bytes:
    """Return JSON; what orjson cannot encode, such as a lone surrogate, is escaped."""
    try:
        return orjson.dumps(event, **options)
    except TypeError:
        return json.dumps(event, **options).encode()


def _as_text(line: Any) -> str:
    return line.decode() if isinstance(line, bytes) else str(line)


def _as_bytes(line: bytes | str) -> bytes:
    return line if isinstance(line, bytes) else line.encode(errors="backslashreplace")


def _name_foreign_event(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Move a library's message, which varies, into a field, and set a static event name."""
    record: logging.LogRecord = event["_record"]
    return {**event, "event": "library_message", "logger": record.name, "message": event["event"]}


class ExceptionRenderer:
    """A processor that replaces an exception with its types, those of its causes, and its stack."""

    def __init__(self) -> None:
        self._printed = PrintedStacks()

    def __call__(self, _logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        """Replace the exception of an event; a stack that was just printed is only named."""
        raised = event.pop("exc_info", None)
        error = raised[1] if isinstance(raised, tuple) else raised
        if error is True:
            error = sys.exc_info()[1]
        if isinstance(error, BaseException):
            types, frames = _types(error), frames_of(error.__traceback__)
            event["exception"] = types
            event["database_error"] = database_error(error)
            event["stack_id"] = stack_id = id_of(types, frames)
            event["stack"] = frames if self._printed.is_new(stack_id) else None
        return event


def _types(error: BaseException | None) -> Sequence[str]:
    """Return the types of an exception and its causes, outermost first."""
    names: list[str] = []
    while error is not None:
        kind = type(error)
        names.append(f"{kind.__module__}.{kind.__qualname__}")
        error = error.__cause__ or error.__context__
    return names


def _put_head(_logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Begin every line with its time, level and event."""
    return {
        "timestamp": timestamp(),
        "level": _LEVELS.get(name, name),
        "event": event.pop("event"),
        **event,
    }


def database_error(error: BaseException | None) -> str | None:
    """Return the database's code of an error, which contains no data, unlike the message.

    It is SQLite's error name, PostgreSQL's SQLSTATE, or a fixed reason of our pool.
    """
    while error is not None:
        for attribute in ("pool_reason", "sqlite_errorname", "sqlstate"):
            name = getattr(error, attribute, None)
            if isinstance(name, str):
                return name
        if hasattr(error, "sqlstate"):  # PostgreSQL's, without an answer of the server
            return "connection lost"
        error = error.__cause__ or error.__context__
    return None


_LEVELS = {"warn": "warning", "exception": "error"}
