"""What a list of codes has to pass before its bytes are kept."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    ImportBudgetExceeded,
    StorageRefusal,
)
from service.domain.model import Millis
from service.domain.names import DEFAULT_CAMPAIGN
from service.usecases.jobs import require_place
from service.usecases.keys import FileKey
from service.usecases.ports.imports import Budgets, Files
from service.usecases.ports.transaction import Transaction

NO_BRAND = 0
"""Stands for a brand that is not there yet."""
MAKE_ROOM_WITHIN_S = 0.5
"""How long a caller waits while room is made for its list."""
ORPHANED_AFTER_MS = 60 * 60 * 1000
"""After so long without another block, a file without a job is what a crash left."""
Result = TypeVar("Result")


def begin_file(files: Files, brand: str, campaign: str, now: Millis, announced: int = 0) -> FileKey:
    """Make a file for a campaign. On `default` it is no matter if the campaign is not there.

    The bytes that are announced have their place in the budgets from now on.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        TooManyJobs: The brand has as many open jobs as it may.
        ImportBudgetExceeded, InsufficientStorage: There is no room for so many bytes.
    """

    def check(tx: Transaction) -> int:
        brand_id = _brand_of(tx, brand, campaign)
        require_place(tx.open_jobs(brand_id, lock=False))
        tx.require_space(announced)
        _require_budget(tx, files.budgets, brand, announced)
        return brand_id

    def begin(tx: Transaction) -> FileKey:
        if files.budgets:
            tx.lock_budgets()
        return tx.insert_file(check(tx), brand, announced)

    # Whoever is refused anyway must not keep writers waiting.
    _with_room(files, lambda: files.look(check, now), now)
    return _with_room(files, lambda: files.write(begin, now, grows=True), now)


def keep_blocks(
    files: Files, file: FileKey, first: int, blocks: Sequence[bytes], now: Millis, more: int = 0
) -> None:
    """Add blocks, the first of which has the number `first`.

    Of their bytes, so many `more` had not been announced, and have to have a place in the
    budgets, too.

    Raises:
        ImportBudgetExceeded, InsufficientStorage: There is no room for them.
    """

    def keep(tx: Transaction) -> None:
        if more and files.budgets:
            tx.lock_budgets()
            _require_budget(tx, files.budgets, tx.brand_of_file(file), more)
        tx.grow_file(file, more)
        tx.insert_blocks(file, first, blocks)

    files.require_fresh_space()
    files.write(keep, now, grows=True)


def _brand_of(tx: Transaction, brand: str, campaign: str) -> int:
    """Return the key of the brand of a campaign.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign, nor is one to be made.
    """
    try:
        return tx.campaign(brand, campaign).brand_id
    except (BrandNotFound, CampaignNotFound):
        if campaign != DEFAULT_CAMPAIGN:
            raise
        return NO_BRAND


def _require_budget(tx: Transaction, budgets: Budgets | None, brand: str, more: int) -> None:
    """Require that a brand may have so many more bytes.

    Raises:
        ImportBudgetExceeded: It may not, or all brands together may not.
    """
    if budgets is None:
        return
    of_brand, of_all = tx.bytes_held(brand)
    if of_brand + more > budgets.of_brand or (not more and of_brand == budgets.of_brand):
        raise ImportBudgetExceeded(StorageRefusal.BRAND_BUDGET, budgets.of_brand)
    if of_all + more > budgets.of_all or (not more and of_all == budgets.of_all):
        raise ImportBudgetExceeded(StorageRefusal.TOTAL_BUDGET, budgets.of_all)


def _with_room(files: Files, act: Callable[[], Result], now: Millis) -> Result:
    """Do something; where a budget is used up, purge a little before it is refused."""
    until = time.monotonic() + MAKE_ROOM_WITHIN_S
    while True:
        try:
            return act()
        except ImportBudgetExceeded:
            if time.monotonic() >= until or not files.purge(now):
                raise
