"""Many codes at once, in their order, and nothing told but that they are there."""

from sqlalchemy import Connection

from service.domain.codes import Mint
from service.domain.model import Millis, State
from service.store.dialect import Part, dialect_of
from service.usecases.codes import top_up
from service.usecases.keys import Pool


def load_codes(connection: Connection, pool: Pool, part: Part, mint: Mint, now: Millis) -> None:
    """Add exactly as many new codes as a part has, making up for those that the brand has already.

    Raises:
        CodeSpaceExhausted: There are hardly any new codes to be had.
    """
    dialect = dialect_of(connection)

    def insert(missing: int) -> int:
        return dialect.load_codes(connection, pool, part, mint(missing), now, shuffle=False)

    top_up(part.size, insert)
    dialect.adjust_counts(connection, pool, {State.AVAILABLE: part.size}, now)
