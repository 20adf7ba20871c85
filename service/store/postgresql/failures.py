"""Why a PostgreSQL server cannot be reached, in a sentence without a password."""

import re

from psycopg.conninfo import conninfo_to_dict

_INTRODUCTION = re.compile(r".*(?:FATAL:\s+|failed: |to address: |\[Errno -?\d+\] )")
"""What libpq and psycopg put in front of a reason, once for each host and address."""


def unreachable(conninfo: str, error: BaseException | None, origin: str) -> str:
    """Say which server cannot be reached, and why.

    Args:
        conninfo: Where it is, as libpq takes it.
        error: What libpq or psycopg says.
        origin: The setting or argument that names it.
    """
    return f"The database cannot be reached: {server(conninfo, origin)}: {_reason(error)}."


def server(conninfo: str, origin: str) -> str:
    """Say which server it is."""
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
