"""A model for each test."""

import pytest

from tests.unit.tools.model.calls import three_codes


@pytest.fixture
def model():
    return three_codes()
