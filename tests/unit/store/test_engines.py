"""Shared modules ask the dialect, and never which engine it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import service.store

STORE = Path(service.store.__file__).parent
ROOMS = {"sqlite", "postgresql", "migrations"}
"""Steps of migrations are as they were when they were made, for both engines."""
SHARED = [path for path in STORE.rglob("*.py") if path.relative_to(STORE).parts[0] not in ROOMS]


def names_of_engines(source: str) -> Iterator[int]:
    """Find the lines that compare engines: `….dialect.name`, `engine.name`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in {"name", "driver"}:
            owner = node.value
            owned = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if owned in {"dialect", "engine", "_engine"}:
                yield node.lineno


@pytest.mark.parametrize("path", SHARED, ids=lambda path: str(path.relative_to(STORE)))
def test_no_shared_module_asks_which_engine_it_is(path):
    assert [] == list(names_of_engines(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "source", ["connection.dialect.name", "database.engine.dialect.name", "engine.name"]
)
def test_who_asks_is_found(source):
    assert [1] == list(names_of_engines(source))
