"""The tally on PostgreSQL: changes are rows, which are folded into one now and then.

Changes add rows, because a row that they shared would make each wait for the commit of the one
before. Folding replaces a campaign's rows by their sum; what another transaction adds meanwhile
stays beside it. The lock keeps two from waiting for each other.
"""

import random
from contextlib import suppress

from service.domain.errors import Unavailable
from service.domain.model import State
from service.store.postgresql.database import PostgreSQLDatabase
from service.store.postgresql.statements import in_psycopg
from service.usecases.keys import PoolKey

FOLD_EVERY = 256
"""One change in so many folds the tally's rows into one."""
_COUNTS = ", ".join(State)
_FOLD = in_psycopg(f"""
    WITH mine AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(:brand_id, :campaign_id) AS got
    ), gone AS (
        DELETE FROM tally
        WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND (SELECT got FROM mine)
        RETURNING *
    )
    INSERT INTO tally (brand_id, campaign_id, {_COUNTS}, touched_at)
    SELECT brand_id, campaign_id, {", ".join(f"sum({state})" for state in State)}, max(touched_at)
    FROM gone GROUP BY brand_id, campaign_id RETURNING 1
""")  # noqa: S608 - constants


def fold_now_and_then(database: PostgreSQLDatabase, pool: PoolKey) -> None:
    """Fold the rows of a campaign after one change in `FOLD_EVERY`, if that is possible now."""
    if random.randrange(FOLD_EVERY) == 0:  # noqa: S311 - no secret
        with suppress(Unavailable):
            database.one(_FOLD, pool._asdict())
