"""What tests of use cases share."""

import pytest

from tests.unit.usecases.memory import Memory


@pytest.fixture
def memory():
    return Memory()
