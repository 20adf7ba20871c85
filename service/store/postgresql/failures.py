"""Messages about unreachable PostgreSQL servers, without passwords."""

import re

from psycopg.conninfo import conninfo_to_dict

_INTRODUCTION = re.compile(r".*(?:FATAL:\s+|failed: |to address: |\[Errno -?\d+\] )")
"""The prefixes of libpq and psycopg before a reason, for each host and address."""


def unreachable(conninfo: str, error: BaseException | None, origin: str) -> str:
    """Return a sentence about an unreachable server.

    Args:
        conninfo: The connection string.
        error: The error of libpq or psycopg.
        origin: The setting or argument with the URL.
    """
    return f"The database cannot be reached: {server(conninfo, origin)}: {_reason(error)}."


def server(conninfo: str, origin: str) -> str:
    """Return the name of a server for messages."""
    parameters = conninfo_to_dict(conninfo)
    hosts = str(parameters.get("host") or parameters.get("hostaddr") or "its local socket")
    ports = str(parameters.get("port") or "").split(",")
    names = hosts.split(",")
    if len(ports) == 1:
        ports *= len(names)
    pairs = zip(names, ports, strict=False)
    places = ", ".join(f"{host}:{port}" if port else host for host, port in pairs)
    return f"PostgreSQL at {places} ({origin})"


def _reason(error: BaseException | None) -> str:
    text = "" if error is None else str(error)
    lines = [_INTRODUCTION.sub("", line) for line in text.splitlines() if _INTRODUCTION.match(line)]
    reasons = dict.fromkeys(line.strip().rstrip(".") for line in lines)
    return "; ".join(reasons) or " ".join(text.split()).rstrip(".") or "it does not answer"
