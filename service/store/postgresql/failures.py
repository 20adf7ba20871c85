"""Sentences about PostgreSQL servers that cannot be used, without passwords."""

import re
from collections.abc import Iterator

from psycopg.conninfo import conninfo_to_dict

from service.store.postgresql.pool import NoConnection

_INTRODUCTION = re.compile(r".*(?:FATAL:\s+|failed: |to address: |\[Errno -?\d+\] )")
"""The prefixes of libpq and psycopg before a reason, for each host and address."""
_MEANINGS = {
    "25006": "is read-only",
    "42501": "does not grant this user the necessary rights",
    "53100": "has no space left on its disk",
    "53300": "has too many connections",
    "55P03": "has a table that another session has locked",
    "57014": "took too long",
}
"""Errors of servers, by SQLSTATE."""


class PostgreSQLFailures:
    """Implements `store.engine.Failures`, which documents the methods.

    Args:
        conninfo: The connection string.
        origin: The setting with the URL.
    """

    def __init__(self, conninfo: str, origin: str) -> None:
        self._conninfo, self._origin = conninfo, origin
        self.name = f"The database, {server(conninfo, origin)}"

    def describe(self, error: BaseException, reason: str) -> str:
        """Return a sentence; a server that was not reached has no code."""
        for cause in _causes(error):
            if isinstance(cause, NoConnection):
                return unreachable(self._conninfo, cause.trouble, self._origin)
        found = _MEANINGS.get(reason, f"does not answer as expected ({reason})")
        return f"{self.name}, {found}."

    def require_no_other(self) -> None:
        """Do nothing: only a connection shows what a server has."""

    def require_database(self) -> None:
        """Do nothing: only a connection shows whether there is a server."""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


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
