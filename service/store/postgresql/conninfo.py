"""The connection string of a PostgreSQL server for libpq, from a URL and our defaults."""

from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg.abc import ConnDict
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from service.settings import Settings, SettingsError
from service.store.postgresql.connection import STATEMENT_S

CONNECT_S = 2
"""The timeout of one attempt to connect, for each host of the URL."""

SERVER_SETTINGS = {
    # Less than the timeout of a borrower, so that the server ends it and the connection lives on.
    "statement_timeout": f"{STATEMENT_S * 1000:.0f}ms",
    "lock_timeout": "2s",
    # The locks of a stopped process are released in time.
    "idle_in_transaction_session_timeout": "5s",
    # Every statement of the service follows an index. Without statistics, in a table that has
    # just been filled, the planner would not know, and keep a bad plan.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    # Disabled plans still run where there is no other, and their huge cost makes PostgreSQL
    # compile them first: a second and a half for a scrape of 100,000 campaigns.
    "jit": "off",
}
"""Server settings of each session. A pooler may drop them; see docs/postgresql.md."""


def conninfo_of(url: str) -> str:
    """Return a PostgreSQL URL with our defaults.

    Args:
        url: A libpq URL; its own parameters take precedence.

    Raises:
        SettingsError: libpq does not accept the URL. It may contain a password, so it
            is not repeated.
    """
    given = parameters_of(url, "DISCOUNT_DATABASE_URL")
    options = " ".join(f"-c {name}={value}" for name, value in SERVER_SETTINGS.items())
    defaults: dict[str, str | int | None] = {
        "application_name": "discount",
        "connect_timeout": CONNECT_S,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "tcp_user_timeout": 5000,
    }
    both = f"{options} {given.pop('options', '') or ''}".strip()
    return make_conninfo("", **{**defaults, **given, "options": both})


def parameters_of(url: str, origin: str) -> ConnDict:
    """Return the parameters of a PostgreSQL URL.

    Args:
        url: A libpq URL.
        origin: The setting or argument with the URL.

    Raises:
        SettingsError: libpq does not accept the URL. It may contain a password, so it
            is not repeated.
    """
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise SettingsError(
            f"{origin} is not a connection URI of PostgreSQL, see "
            "https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS"
        ) from None  # the error's text repeats parts of the URL
    hosts = str(parameters.get("host") or "").split(",")
    if any("@" in host[1:] for host in hosts):  # the end of a password; first, an abstract socket
        raise SettingsError(f"{origin}: a host has an '@'; in a user or password it is %40.")
    for port in str(parameters.get("port") or "").split(","):  # one for each host
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
            raise SettingsError(f"{origin}: a port is no number from 1 to 65535.")
    return parameters


def conninfo_of_settings(settings: Settings) -> Callable[[], str]:
    """Return a function that returns the connection string, read anew if it is in a file."""

    def now() -> str:
        return conninfo_of(_url_in(settings.database_url_file) or settings.database_url)

    return now


def _url_in(path: Path | None) -> str | None:
    return path.read_text(encoding="utf-8").strip() if path else None
