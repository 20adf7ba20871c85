"""What a drill needs to know of a database."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Protocol

from tests.history.history import Row
from tests.history.nemesis import Evil

_ROWS = """
    SELECT brand.name, campaign.name, code.code, code.state, code.user_id, code.created_at
    FROM code JOIN brand ON brand.id = code.brand_id
    JOIN campaign ON campaign.brand_id = code.brand_id AND campaign.id = code.campaign_id
"""


class Engine(Protocol):
    """A running database."""

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a service that reaches it as its callers do, evils between."""

    @property
    def url(self) -> str:
        """Return the URL that leads to it past every evil."""

    def connect(self) -> Any:
        """Open a DB-API connection past every evil."""

    def evils(self) -> Sequence[Evil]:
        """Return what may befall it."""


def read(engine: Engine) -> tuple[list[Row], frozenset[str]]:
    """Return every code, and every brand."""
    with closing(engine.connect()) as connection:
        rows = [Row(*row) for row in connection.execute(_ROWS)]
        brands = frozenset(name for (name,) in connection.execute("SELECT name FROM brand"))
    return rows, brands
