"""Making codes."""

from collections.abc import Callable, Sequence

from service.domain.errors import CodeSpaceExhausted
from service.domain.model import AnswerKind, Idempotency, State
from service.domain.names import DEFAULT_CAMPAIGN
from service.usecases.idempotency import replay
from service.usecases.keys import PoolKey
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.store import Store
from service.usecases.ports.transaction import Transaction

MAX_PER_CALL = 1000
"""Most codes that one synchronous call makes."""
MAX_ROUNDS = 100
"""How often collisions are made up for; by then the space of codes is as good as full."""


def create_codes(
    store: Store,
    brand: str,
    campaign: str,
    count: int,
    *,
    idempotency: Idempotency | None = None,
    clock: Clock = system_clock,
) -> tuple[Sequence[str], bool]:
    """Create `count` new codes in a campaign, all of them or none.

    Args:
        store: Where they are kept.
        brand: The brand's name; its first codes make it.
        campaign: The campaign's name; only `default` is made.
        count: How many, 1 to `MAX_PER_CALL`.
        idempotency: Tells a repeated request, which gets the codes of the first.
        clock: Returns the current time.

    Returns:
        The codes, each of which is the only one of its kind in its brand, and whether they
        are new.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        Conflict: The idempotency key was used for something else.
    """

    def create(tx: Transaction) -> tuple[Sequence[str], bool]:
        answered = replay(tx, idempotency)
        if answered is not None:
            return answered, False
        tx.require_space()
        pool = campaign_for_codes(tx, brand, campaign)
        added = add_codes(tx, pool, count)
        if idempotency:
            tx.remember(pool, idempotency, AnswerKind.CODES, added)
        return added, True

    return store.write(create, clock(), grows=True)


def campaign_for_codes(tx: Transaction, brand: str, campaign: str) -> PoolKey:
    """Return the campaign that new codes go to; only `default` is made, with its brand.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
    """
    if campaign == DEFAULT_CAMPAIGN:
        return tx.make_campaign(brand, campaign)
    return tx.campaign(brand, campaign)


def add_codes(tx: Transaction, pool: PoolKey, count: int) -> Sequence[str]:
    """Add exactly `count` new codes, and count them.

    Raises:
        CodeSpaceExhausted: There are hardly any new codes to be had.
    """
    added: list[str] = []

    def insert(missing: int) -> int:
        new = tx.insert_codes(pool, tx.mint(pool, missing))
        added.extend(new)
        return len(new)

    top_up(count, insert)
    tx.adjust_counts(pool, {State.AVAILABLE: count})
    return added


def top_up(count: int, insert: Callable[[int], int]) -> None:
    """Insert `count` codes, and others for those that the brand has already.

    Args:
        count: How many.
        insert: Inserts at most that many, and returns how many it did.

    Raises:
        CodeSpaceExhausted: There are hardly any new codes to be had.
    """
    missing = count
    for _ in range(MAX_ROUNDS):
        if not missing:
            return
        missing -= insert(missing)
    raise CodeSpaceExhausted
