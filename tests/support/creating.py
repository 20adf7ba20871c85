"""Creation of known codes at a given time."""

from service.domain.codes import Mint
from service.domain.model import Idempotency, Millis
from service.store.repositories.store import SQLStore
from service.usecases.codes import CreatedCodes, create_codes


def add_codes(
    store: SQLStore,
    brand: str,
    campaign: str,
    count: int,
    mint: Mint,
    now: Millis,
    *,
    idempotency: Idempotency | None = None,
) -> CreatedCodes:
    """Create codes as the use case does, with those of `mint`."""
    with_mint = SQLStore(store._database, store._reservations, mint)  # noqa: SLF001
    return create_codes(
        with_mint, brand, campaign, count, idempotency=idempotency, clock=lambda: now
    )
