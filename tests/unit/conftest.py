"""What the unit tests share: they need no database, so one engine's URL is as good as another's."""

import pytest
from hypothesis import settings

# What `make check` asks for: enough to find a slip within seconds; `make test` tries all.
settings.register_profile("check", settings.get_profile("quick"), max_examples=15)


@pytest.fixture
def engine():
    return "sqlite"
