"""Campaigns that were asked for a code when they had none, noted in the database by and by.

They have not moved, and yet somebody is turned away: a scrape must not leave them out. The calls
themselves write nothing; a thread of each process writes now and then.
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
AGAIN_AFTER_S = 300.0
"""How long what was written of a campaign is good for."""
MOST = 1000
"""Campaigns that are remembered between two writes; the others are asked again soon enough."""

_TOUCH = text("""
    UPDATE tally SET touched_at = :now
    WHERE brand_id = (SELECT id FROM brand WHERE name = :brand) AND campaign_id = (
        SELECT campaign.id FROM campaign JOIN brand ON brand.id = campaign.brand_id
        WHERE brand.name = :brand AND campaign.name = :campaign
    )
""")


class VainRequests:
    """Those of one process.

    Args:
        database: Where they are noted.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: dict[tuple[str, str], None] = {}
        self._written: dict[tuple[str, str], float] = {}

    def note(self, brand: str, campaign: str) -> None:
        """Remember that a campaign had no code left for somebody."""
        if len(self._asked) < MOST:
            self._asked[brand, campaign] = None

    def write(self, now: Millis) -> None:
        """Note in the database what was not noted lately.

        Raises:
            Unavailable: The database cannot be written; it will be asked again.
        """
        asked, self._asked = self._asked, {}
        began = time.monotonic()
        self._written = {pool: at for pool, at in self._written.items() if at > began}
        fresh = [pool for pool in list(asked) if pool not in self._written]
        if not fresh:
            return
        values = [{"brand": brand, "campaign": name, "now": now} for brand, name in fresh]

        def touch(connection: Connection) -> None:
            connection.execute(_TOUCH, values)

        self._database.write(touch)
        self._written |= dict.fromkeys(fresh, began + AGAIN_AFTER_S)

    def keep_writing(self) -> None:
        """Write now and then, from a thread of this process, until the process ends."""

        def go_on() -> None:
            while True:
                time.sleep(FLUSH_INTERVAL_S)
                with suppress(Unavailable):
                    self.write(system_clock())

        threading.Thread(target=go_on, name="vain requests", daemon=True).start()
