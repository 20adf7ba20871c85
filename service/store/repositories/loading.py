"""Many codes at once, in their order, and nothing told but that they are there."""

from sqlalchemy import Connection

from service.domain.errors import CodeSpaceExhausted
from service.domain.model import Millis, State
from service.store.dialect import Part, dialect_of
from service.store.repositories.codes import MAX_ROUNDS
from service.usecases.keys import Pool
from service.usecases.ports import Mint


def load_codes(connection: Connection, pool: Pool, part: Part, mint: Mint, now: Millis) -> None:
    """Add exactly as many new codes as a part has, making up for those that the brand has already.

    Raises:
        CodeSpaceExhausted: There are hardly any new codes to be had.
    """
    dialect = dialect_of(connection)
    left = part.size
    for _ in range(MAX_ROUNDS):
        if not left:
            break
        left -= dialect.load_codes(connection, pool, part, mint(left), now, shuffle=False)
    else:
        raise CodeSpaceExhausted
    dialect.adjust_counts(connection, pool, {State.AVAILABLE: part.size}, now)
