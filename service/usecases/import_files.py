"""Admission of import files: what a list must pass before its bytes are stored."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from service.domain.errors import (
    BrandNotFound,
    CampaignNotFound,
    CampaignNotOpen,
    Closed,
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
"""The id that stands for a brand that does not exist yet."""
PURGE_TIMEOUT_S = 0.5
"""Seconds that a caller waits while old files are purged for its list."""
ORPHANED_AFTER_MS = 60 * 60 * 1000
"""Milliseconds without another block after which a file without a job is abandoned."""
Result = TypeVar("Result")


def begin_file(
    files: Files,
    brand: str,
    campaign: str,
    now: Millis,
    announced: int = 0,
    *,
    makes: bool = True,
) -> FileKey:
    """Create a file for a campaign.

    If its job makes codes, the campaign `default` need not exist yet, and none may be archived.

    The announced bytes are part of the budgets from now on.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        TooManyJobs: The brand has too many open jobs.
        ImportBudgetExceeded, InsufficientStorage: There is no space for so many bytes.
    """

    def check(tx: Transaction) -> int:
        brand_id = (_brand_of if makes else _known_brand)(tx, brand, campaign)
        require_place(tx.open_jobs(brand_id, lock=False))
        tx.require_space(announced)
        _require_budget(tx, files.budgets, brand, announced)
        return brand_id

    def begin(tx: Transaction) -> FileKey:
        if files.budgets:
            tx.lock_budgets()
        return tx.insert_file(check(tx), brand, announced)

    # A request that will be refused must not block writers.
    _with_room(files, lambda: files.read(check, now), now)
    return _with_room(files, lambda: files.write(begin, now, grows=True), now)


def keep_blocks(
    files: Files, file: FileKey, first: int, blocks: Sequence[bytes], now: Millis, more: int = 0
) -> None:
    """Store blocks, the first of which has the number `first`.

    `more` of their bytes were not announced, and have to fit into the budgets as well.

    Raises:
        ImportBudgetExceeded, InsufficientStorage: There is no space for them.
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
    """Return the id of a campaign's brand.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign, and it cannot be created.
        CampaignNotOpen: It is archived.
    """
    try:
        pool = tx.pool_for_codes(brand, campaign)
    except (BrandNotFound, CampaignNotFound):
        if campaign != DEFAULT_CAMPAIGN:
            raise
        return NO_BRAND
    if pool.archived:
        raise CampaignNotOpen(Closed.ARCHIVED)
    return pool.key.brand_id


def _known_brand(tx: Transaction, brand: str, campaign: str) -> int:
    return tx.campaign(brand, campaign).brand_id


def _require_budget(tx: Transaction, budgets: Budgets | None, brand: str, more: int) -> None:
    """Require budget for so many more bytes of a brand.

    Raises:
        ImportBudgetExceeded: The budget of the brand, or of all brands, is used up.
    """
    if budgets is None:
        return
    held = tx.bytes_held(brand)
    if held.of_brand + more > budgets.of_brand or (not more and held.of_brand == budgets.of_brand):
        raise ImportBudgetExceeded(StorageRefusal.BRAND_BUDGET, budgets.of_brand)
    if held.of_all + more > budgets.of_all or (not more and held.of_all == budgets.of_all):
        raise ImportBudgetExceeded(StorageRefusal.TOTAL_BUDGET, budgets.of_all)


def _with_room(files: Files, act: Callable[[], Result], now: Millis) -> Result:
    """Call `act`; if a budget is used up, purge and retry before giving up."""
    until = time.monotonic() + PURGE_TIMEOUT_S
    while True:
        try:
            return act()
        except ImportBudgetExceeded:
            if time.monotonic() >= until or not files.purge(now):
                raise
