"""Timestamps in RFC 3339."""

import re
from datetime import UTC, datetime, timedelta

from service.domain.model import Millis

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)


def timestamp(moment: Millis | None) -> str | None:
    """Return a time in RFC 3339, in UTC with milliseconds."""
    if moment is None:
        return None
    whole, millis = divmod(moment, 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def parse_timestamp(text: str) -> Millis:
    """Return the moment of a timestamp with an offset; what is finer than milliseconds is cut.

    Raises:
        ValueError: It is none; says why.
    """
    if _DATE.fullmatch(text):
        raise ValueError("Must have a time and an offset beside the date.")
    parts = _TIMESTAMP.fullmatch(text)
    if parts is None:
        raise ValueError("Must be a time as in RFC 3339, with an offset: 2026-12-24T00:00:00Z.")
    date, time, fraction, offset = parts.groups()
    millis = (fraction or "")[:3].ljust(3, "0")
    try:
        moment = datetime.fromisoformat(f"{date}T{time}.{millis}{offset.upper()}")
        return (moment.astimezone(UTC) - _EPOCH) // _MILLISECOND  # as it will be shown
    except (ValueError, OverflowError):
        raise ValueError("There is no such time.") from None
