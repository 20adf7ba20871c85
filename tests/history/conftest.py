"""Fixtures of the drills."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user of PostgreSQL may enter."""
    with tempfile.TemporaryDirectory(prefix="discount-drill-") as made:
        yield Path(made)
