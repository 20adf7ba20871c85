"""Fixtures of the use cases' tests."""

import pytest

from tests.unit.usecases.code_moves import MemoryMoves
from tests.unit.usecases.memory import Memory


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def moves():
    return MemoryMoves()
