"""Messages of commands and of a start that fails, beside the lines of the log.

Whoever reads them on a terminal gets sentences; a collector of logs gets one JSON object a line, in
the form of the log (`logging.py`), and can parse the whole stream.
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NoReturn


def timestamp() -> str:
    """Return the time of a line (RFC 3339)."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def message_line(message: str, level: str) -> str:
    """Return a message as a line of the log."""
    line: Mapping[str, str] = {
        "timestamp": timestamp(),
        "level": level,
        "event": "command_message",
        "message": message,
    }
    return json.dumps(line)


def exit_with(sentence: str) -> NoReturn:
    """End a process that cannot start, with a sentence about the reason."""
    sys.exit(f"discount: {sentence}" if sys.stderr.isatty() else message_line(sentence, "error"))
