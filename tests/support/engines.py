"""Marks for tests of what only one engine has; all others run on both."""

import pytest

_LONG = pytest.mark.long
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

on_postgresql_if_long = pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=_LONG)], indirect=True
)
"""Where another test on both engines holds the same promise, without processes."""
