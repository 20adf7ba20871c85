"""Marks for tests of one engine; all others run on both."""

import pytest

_LONG = pytest.mark.long
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

on_postgresql_if_long = pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=_LONG)], indirect=True
)
"""On PostgreSQL with the mark `long` only, as another test covers both without processes."""
