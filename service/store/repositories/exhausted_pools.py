"""Exhausted pools: campaigns that were asked for a code when none was left.

Their counts do not change, although callers are refused, so a scrape must not omit them. The calls
themselves write nothing; a thread of each process flushes the names to the database.
"""

import threading
import time
from contextlib import suppress

from sqlalchemy import Connection, text

from service.domain.errors import Unavailable
from service.domain.model import Millis
from service.store.database import Database
from service.usecases.ports.clock import system_clock

FLUSH_INTERVAL_S = 10.0
REPEAT_AFTER_S = 300.0
"""Seconds before a campaign is written again."""
MOST = 1000
"""Campaigns that are kept between two flushes; the others will be asked again soon enough."""

_TOUCH = text("""
    UPDATE tally SET touched_at = :now
    WHERE brand_id = (SELECT id FROM brand WHERE name = :brand) AND campaign_id = (
        SELECT campaign.id FROM campaign JOIN brand ON brand.id = campaign.brand_id
        WHERE brand.name = :brand AND campaign.name = :campaign
    )
""")


class ExhaustedPools:
    """The exhausted pools that one process has seen.

    Args:
        database: Stores the time of the last request.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recorded: dict[tuple[str, str], None] = {}
        self._flushed: dict[tuple[str, str], float] = {}

    def record(self, brand: str, campaign: str) -> None:
        """Record that a campaign had no code left for a caller."""
        if len(self._recorded) < MOST:
            self._recorded[brand, campaign] = None

    def flush(self, now: Millis) -> None:
        """Write the campaigns that were not written recently.

        Raises:
            Unavailable: The database cannot be written; the campaigns will be asked again.
        """
        asked, self._recorded = self._recorded, {}
        began = time.monotonic()
        self._flushed = {pool: at for pool, at in self._flushed.items() if at > began}
        fresh = [pool for pool in list(asked) if pool not in self._flushed]
        if not fresh:
            return
        values = [{"brand": brand, "campaign": name, "now": now} for brand, name in fresh]

        def touch(connection: Connection) -> None:
            connection.execute(_TOUCH, values)

        self._database.write(touch)
        self._flushed |= dict.fromkeys(fresh, began + REPEAT_AFTER_S)

    def start_flushing(self) -> None:
        """Start a thread that flushes periodically until the process ends."""

        def flush_periodically() -> None:
            while True:
                time.sleep(FLUSH_INTERVAL_S)
                with suppress(Unavailable):
                    self.flush(system_clock())

        threading.Thread(target=flush_periodically, name="exhausted pools", daemon=True).start()
