"""Settings of unit tests, which need no database, so the URL of any engine will do."""

import pytest
from hypothesis import settings

# The profile of `make check` is enough to find
settings.register_profile("check", settings.get_profile("quick"), max_examples=15)


@pytest.fixture
def engine():
    return "sqlite"
