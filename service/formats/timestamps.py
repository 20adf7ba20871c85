"""Timestamps in RFC 3339."""

from datetime import UTC, datetime

from service.domain.model import Millis


def timestamp(moment: Millis | None) -> str | None:
    """Return a time in RFC 3339, in UTC with milliseconds."""
    if moment is None:
        return None
    whole, millis = divmod(moment, 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"
