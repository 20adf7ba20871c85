"""Moments as RFC 3339 writes them."""

from datetime import UTC, datetime

from service.domain.model import Millis


def timestamp(moment: Millis | None) -> str | None:
    """Write a moment as RFC 3339 has it, in UTC with milliseconds."""
    if moment is None:
        return None
    whole, millis = divmod(moment, 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"
