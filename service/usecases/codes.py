"""Creating codes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from service.domain.errors import CodeSpaceExhausted
from service.domain.model import AnswerKind, Idempotency, State
from service.domain.names import DEFAULT_CAMPAIGN
from service.usecases.idempotency import replay
from service.usecases.keys import PoolKey
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.store import Store
from service.usecases.ports.transaction import Transaction

MAX_PER_CALL = 1000
"""Most codes that one synchronous call creates."""
MAX_ROUNDS = 100
"""Most rounds that replace collisions; after these, the space of codes is practically full."""


class CreatedCodes(NamedTuple):
    """The codes of a request, which are unique in their brand."""

    codes: Sequence[str]
    new: bool
    """Whether they were created now; a repeated request gets the codes of the first."""


def create_codes(
    store: Store,
    brand: str,
    campaign: str,
    count: int,
    *,
    idempotency: Idempotency | None = None,
    clock: Clock = system_clock,
) -> CreatedCodes:
    """Create `count` new codes in a campaign, all of them or none.

    Args:
        store: The store of codes.
        brand: The brand's name; its first codes create the brand.
        campaign: The campaign's name; only `default` is created on demand.
        count: How many, 1 to `MAX_PER_CALL`.
        idempotency: Identifies a repeated request, which gets the codes of the first.
        clock: Returns the current time.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        Conflict: The idempotency key was used for another request.
    """

    def create(tx: Transaction) -> CreatedCodes:
        answered = replay(tx, idempotency)
        if answered is not None:
            return CreatedCodes(answered, new=False)
        tx.require_space()
        pool = campaign_for_codes(tx, brand, campaign)
        added = add_codes(tx, pool, count)
        if idempotency:
            tx.remember(pool, idempotency, AnswerKind.CODES, added)
        return CreatedCodes(added, new=True)

    return store.write(create, clock(), grows=True)


def campaign_for_codes(tx: Transaction, brand: str, campaign: str) -> PoolKey:
    """Return the campaign for new codes; only `default` is created, with its brand.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
    """
    if campaign == DEFAULT_CAMPAIGN:
        return tx.make_campaign(brand, campaign)
    return tx.campaign(brand, campaign)


def add_codes(tx: Transaction, pool: PoolKey, count: int) -> Sequence[str]:
    """Add exactly `count` new codes, and update the counts.

    Raises:
        CodeSpaceExhausted: Nearly all possible codes are taken.
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
    """Insert `count` codes, replacing those that the brand already has.

    Args:
        count: How many.
        insert: Inserts at most that many codes, and returns how many were new.

    Raises:
        CodeSpaceExhausted: Nearly all possible codes are taken.
    """
    missing = count
    for _ in range(MAX_ROUNDS):
        if not missing:
            return
        missing -= insert(missing)
    raise CodeSpaceExhausted
