"""Lines of the log for people on a terminal: one short line an event."""

from collections.abc import Iterator, Mapping
from typing import Any

import click
from structlog.typing import EventDict, WrappedLogger

_COLOURS = {2: "green", 3: "cyan", 4: "yellow", 5: "red"}
"""Of an answer, by the first digit of its status."""
_LEVEL_COLOURS = {"debug": "bright_black", "warning": "yellow", "error": "red", "critical": "red"}
_QUIET = {"/livez", "/readyz"}
"""Routes whose answers are noise unless they fail."""
_FAILED = 400


def terminal_line(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    """Return a line for people, without what only machines need; empty if it is noise."""
    at = click.style(event["timestamp"][11:19], dim=True)
    if event["event"] == "request":
        return _request(at, event)
    return "\n".join((f"{at} {_name_of(event)}{_fields(event)}", *_stack(event)))


def _request(at: str, event: Mapping[str, Any]) -> str:
    status = event["status"]
    if event["route"] in _QUIET and status < _FAILED:
        return ""
    shown = click.style(str(status), fg=_COLOURS.get(status // 100), bold=True)
    words = (event["problem"] or event["outcome"], event["brand"], event["campaign"])
    what = f"{event['method']:4} {event['route'] or '-'}"
    rest = " ".join(str(word) for word in words if word)
    return f"{at} {shown} {what} {event['duration_ms']:.1f} ms  {rest}"


def _name_of(event: Mapping[str, Any]) -> str:
    level = event["level"]
    return click.style(event["event"], fg=_LEVEL_COLOURS.get(level), bold=level != "debug")


def _fields(event: Mapping[str, Any]) -> str:
    hidden = {"timestamp", "level", "event", "stack", "stack_id"}
    return "".join(
        f" {name}={_plain(value)}"
        for name, value in event.items()
        if name not in hidden and value not in (None, [], {})
    )


def _plain(value: Any) -> str:
    """Return a value on one line, without characters that a terminal would obey."""
    text = str(value)
    return text if text.isprintable() else ascii(text)


def _stack(event: Mapping[str, Any]) -> Iterator[str]:
    for frame in event.get("stack") or ():
        yield click.style(f"         {_plain(frame)}", dim=True)
