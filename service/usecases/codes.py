"""Making codes."""

from collections.abc import Sequence

from service.domain import codes
from service.domain.model import Idempotency
from service.usecases.ports import Clock, Store, system_clock

MAX_PER_CALL = 1000
"""Most codes that one synchronous call makes."""


def create_codes(
    store: Store,
    brand: str,
    campaign: str,
    count: int,
    *,
    once: Idempotency | None = None,
    clock: Clock = system_clock,
) -> tuple[Sequence[str], bool]:
    """Create `count` new codes in a campaign, all of them or none.

    Args:
        store: Where they are kept.
        brand: The brand's name; its first codes make it.
        campaign: The campaign's name; only `default` is made.
        count: How many, 1 to `MAX_PER_CALL`.
        once: Tells a repeated request, which gets the codes of the first.
        clock: Tells the time.

    Returns:
        The codes, each of which is the only one of its kind in its brand, and whether they
        are new.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
        Conflict: The idempotency key was used for something else.
    """
    return store.add_codes(brand, campaign, count, codes.mint, clock(), once=once)
