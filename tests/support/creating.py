"""Creating codes that a test knows, at a moment that it chooses."""

from collections.abc import Sequence

from service.domain.codes import Mint
from service.domain.model import Idempotency, Millis
from service.store.repositories.store import SQLStore
from service.usecases.codes import create_codes


def add_codes(
    store: SQLStore,
    brand: str,
    campaign: str,
    count: int,
    mint: Mint,
    now: Millis,
    *,
    idempotency: Idempotency | None = None,
) -> tuple[Sequence[str], bool]:
    """Create codes as the use case does, but those that `mint` makes."""
    with_mint = SQLStore(store._database, store._reservations, mint)  # noqa: SLF001
    return create_codes(
        with_mint, brand, campaign, count, idempotency=idempotency, clock=lambda: now
    )
