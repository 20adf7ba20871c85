"""Codes of a pool: their columns in lists."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, column

from service.domain.model import Code, State

COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    column(name) for name in ("code", "state", "created_at", "reserved_at", "expires_at")
)
"""What `as_code` reads."""


def as_code(row: Sequence[Any]) -> Code:
    """Return the code of a row of `COLUMNS`."""
    text, state, created_at, reserved_at, expires_at = row
    return Code(text, State(state), created_at, reserved_at, expires_at)
