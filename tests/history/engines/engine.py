"""What a drill needs to know of a database."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.history.history import Row
from tests.history.nemesis import Evil

_ROWS = text(
    "SELECT brand.name, campaign.name, code.code, code.state, code.user_id, code.created_at"
    " FROM code JOIN brand ON brand.id = code.brand_id"
    " JOIN campaign ON campaign.brand_id = code.brand_id AND campaign.id = code.campaign_id"
)


class Engine(Protocol):
    """A running database."""

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a service that uses it as its callers do, evils included."""

    @property
    def url(self) -> str:
        """Return the SQLAlchemy URL that leads to it past every evil."""

    def evils(self) -> Sequence[Evil]:
        """Return what may befall it."""


def read(url: str) -> tuple[list[Row], frozenset[str]]:
    """Return every code, and every brand."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        rows = [Row(*row) for row in connection.execute(_ROWS)]
        brands = frozenset(connection.execute(text("SELECT name FROM brand")).scalars())
    engine.dispose()
    return rows, brands
