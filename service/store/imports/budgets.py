"""How many bytes open imports may have: those of one brand, and all together.

Lists that nobody needs any more count until they are purged: they take their space.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from service.domain.errors import ImportBudgetExceeded, StorageRefusal
from service.store.dialect import dialect_of
from service.store.imports import staging

_LOCK = 0x696D706F72747300
"""The advisory lock of whoever takes a part of a budget: "imports" in ASCII."""


class Budgets(NamedTuple):
    """Bytes."""

    of_brand: int
    of_all: int


def require(connection: Connection, budgets: Budgets, brand: str, more: int) -> None:
    """Insist that a brand may have so many more bytes.

    Raises:
        ImportBudgetExceeded: It may not, or all brands together may not.
    """
    of_brand, of_all = staging.held(connection, brand)
    if of_brand + more > budgets.of_brand or (not more and of_brand == budgets.of_brand):
        raise ImportBudgetExceeded(StorageRefusal.BRAND_BUDGET, budgets.of_brand)
    if of_all + more > budgets.of_all or (not more and of_all == budgets.of_all):
        raise ImportBudgetExceeded(StorageRefusal.TOTAL_BUDGET, budgets.of_all)


def lock(connection: Connection) -> None:
    """Let those who take a part of a budget do so one after the other."""
    dialect_of(connection).lock(connection, _LOCK)
