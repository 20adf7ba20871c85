"""The interface of a database for drills."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from tests.tools.history.history import RedemptionRow, Row
from tests.tools.history.nemesis import Fault

_ROWS = """
    SELECT brand.name, campaign.name, code.code, code.state, code.user_id, code.created_at
    FROM code JOIN brand ON brand.id = code.brand_id
    JOIN campaign ON campaign.brand_id = code.brand_id AND campaign.id = code.campaign_id
"""
_REDEMPTIONS = """
    SELECT brand.name, code, reference, user_id, undone_at IS NOT NULL
    FROM redemption JOIN brand ON brand.id = redemption.brand_id
"""


class Engine(Protocol):
    """A running database."""

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a service that connects through the faulty connections."""

    @property
    def url(self) -> str:
        """Return a URL that no fault affects."""

    def connect(self) -> Any:
        """Open a DB-API connection that no fault affects."""

    def faults(self) -> Sequence[Fault]:
        """Return the faults to inject into it."""


def read(
    query: Callable[[str], Iterable[Any]],
) -> tuple[list[Row], frozenset[str], list[RedemptionRow]]:
    """Return all codes, brands and redemptions of a database.

    Args:
        query: Returns the rows of a query.
    """
    rows = [Row(*row) for row in query(_ROWS)]
    brands = frozenset(name for (name,) in query("SELECT name FROM brand"))
    redemptions = [
        RedemptionRow(brand, code, reference, user, bool(undone))
        for brand, code, reference, user, undone in query(_REDEMPTIONS)
    ]
    return rows, brands, redemptions
