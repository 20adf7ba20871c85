"""What the unit tests share: they need no database, so one engine's URL is as good as another's."""

import pytest


@pytest.fixture
def engine():
    return "sqlite"
