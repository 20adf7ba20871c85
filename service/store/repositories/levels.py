"""Levels: which campaigns a scrape shows if there are too many for all.

Those that will run out of codes soon: the next to be empty at the current speed of reservations;
those that have just become empty; and those with the fewest codes left.
One statement scans the sums of all campaigns, and returns only the rows that are shown: a hundred
thousand campaigns cost a few hundredths of a second and no memory.
"""

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Connection, text

from service.domain.model import Level, Levels, Millis
from service.store.dialect import dialect_of
from service.store.repositories.pools import total
from service.usecases.keys import PoolKey

LATELY_MS = 24 * 60 * 60 * 1000
"""A campaign that was neither asked nor has moved for so long comes behind all that were."""
MOVING_MS = 15 * 60 * 1000
"""How long a campaign that has changed is considered active."""
MOST_MOVING = 5_000
"""Campaigns whose speed is known, those that have moved last.

One that is emptied fast moves every second or so, and is among them.
"""
SHARE = 4
"""One place in so many is for each: those that became empty last, those that were shown until they
did, and the fastest."""
MEMORY_S = 300.0
"""The approximate memory of a speed, in seconds."""

_PICK = "SELECT * FROM (SELECT '{0}' AS kind, level.* FROM level WHERE {1} LIMIT :{0}_most) AS {0}"
_KINDS = {
    "moving": "touched_at > :moving ORDER BY touched_at DESC",
    "near": "available > 0 AND touched_at > :lately ORDER BY available, touched_at DESC",
    "empty": "available <= 0 AND touched_at > :lately ORDER BY touched_at DESC",
    "idle": "available > 0 AND touched_at <= :lately ORDER BY available, touched_at DESC",
    "finished": "available <= 0 AND touched_at <= :lately ORDER BY touched_at DESC",
}
_PICKS = " UNION ALL ".join(_PICK.format(kind, where) for kind, where in _KINDS.items())
_LEVELS = f"""
    WITH {{pool_sums}}
    SELECT 'all' AS kind, (SELECT count(*) FROM campaign) AS brand_id, 0 AS campaign_id,
        {total("available", "available")}, {total("taken", "taken")}, 0 AS touched_at
    FROM level
    UNION ALL {_PICKS}
"""  # noqa: S608 - constants
_WITHOUT_CODES = text("""
    SELECT 'finished' AS kind, brand_id, id, 0, 0, 0 FROM campaign WHERE NOT EXISTS (
        SELECT 1 FROM tally WHERE tally.brand_id = campaign.brand_id
        AND tally.campaign_id = campaign.id
    ) LIMIT :most
""")
_NAMES = """
    SELECT campaign.brand_id, campaign.id, brand.name, campaign.name
    FROM {pools} AS given
    JOIN campaign ON campaign.brand_id = given.brand_id AND campaign.id = given.campaign_id
    JOIN brand ON brand.id = campaign.brand_id
"""


class _Row(NamedTuple):
    kind: str
    brand_id: int
    campaign_id: int
    available: int
    taken: int
    touched_at: Millis

    @property
    def pool(self) -> PoolKey:
        return PoolKey(self.brand_id, self.campaign_id)


class _Speed(NamedTuple):
    """The speed at which a campaign's codes are taken."""

    taken: int
    at: Millis
    per_s: float = 0.0

    def next(self, taken: int, at: Millis) -> "_Speed":
        """Return the speed after another observation; older ones count less and less."""
        seconds = (at - self.at) / 1000
        if seconds <= 0:
            return self
        now = max(0, taken - self.taken) / seconds
        weight = min(1.0, seconds / MEMORY_S) if self.per_s else 1.0
        return _Speed(taken, at, self.per_s + (now - self.per_s) * weight)


class PoolLevels:
    """Repeated observation of the levels of all campaigns.

    Args:
        most: Most campaigns to show.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._speeds: Mapping[PoolKey, _Speed] = {}
        self._seen: dict[PoolKey, Millis] = {}
        """When campaigns were last shown with codes: those stay when they become empty."""

    def observe(self, connection: Connection, now: Millis) -> Levels:
        """Return the most relevant levels."""
        whole, by_kind = self._rows(connection, now)
        moving = by_kind["moving"]
        self._speeds = {
            row.pool: self._speeds.get(row.pool, _Speed(row.taken, now)).next(row.taken, now)
            for row in moving
        }
        chosen = self._choose(by_kind)
        self._remember(chosen, now)
        return Levels(_named(connection, chosen), whole.brand_id, whole.available, whole.taken)

    def _rows(self, connection: Connection, now: Millis) -> tuple[_Row, dict[str, list[_Row]]]:
        """Query the sums of all campaigns, and the first rows of each kind."""
        values = {"now": now, "moving": now - MOVING_MS, "lately": now - LATELY_MS}
        most = {f"{kind}_most": self._most for kind in _KINDS} | {"moving_most": MOST_MOVING}
        by_kind: dict[str, list[_Row]] = {kind: [] for kind in ("all", *_KINDS)}
        statement = text(_LEVELS.format(pool_sums=dialect_of(connection).pool_sums))
        for row in connection.execute(statement, {**values, **most}):
            by_kind[row.kind].append(_Row(*row))
        (whole,) = by_kind["all"]
        if whole.brand_id <= self._most:  # which is how many campaigns there are
            rows = connection.execute(_WITHOUT_CODES, {"most": self._most})
            by_kind["finished"] += [_Row(*row) for row in rows]
        return whole, by_kind

    def _choose(self, by_kind: Mapping[str, Sequence[_Row]]) -> Sequence[_Row]:
        """Choose the campaigns to show, each once."""
        share = max(1, self._most // SHARE)
        empty = by_kind["empty"]
        order = chain(
            empty[:share],
            [row for row in empty if row.pool in self._seen][:share],
            self._fastest(by_kind["moving"], share),
            *(by_kind[kind] for kind in ("near", "empty", "idle", "finished")),
        )
        chosen: dict[PoolKey, _Row] = {}
        for row in order:
            if len(chosen) == self._most:
                break
            chosen.setdefault(row.pool, row)
        return list(chosen.values())

    def _fastest(self, moving: Sequence[_Row], most: int) -> Sequence[_Row]:
        """Return those that will be empty first at their current speed."""

        def left_s(row: _Row) -> float:
            return row.available / self._speeds[row.pool].per_s

        going = (row for row in moving if row.available > 0 and self._speeds[row.pool].per_s > 0)
        return heapq.nsmallest(most, going, key=left_s)

    def _remember(self, chosen: Sequence[_Row], now: Millis) -> None:
        """Record the campaigns that are shown with codes, and forget those not shown for a day."""
        self._seen.update({row.pool: now for row in chosen if row.available > 0})
        until = now - LATELY_MS
        self._seen = {pool: at for pool, at in self._seen.items() if at > until}


def _named(connection: Connection, rows: Sequence[_Row]) -> Sequence[Level]:
    """Return the names of campaigns."""
    names = dict(_names(connection, [row.pool for row in rows]))
    return [Level(*names[row.pool], row.available, row.taken) for row in rows if row.pool in names]


def _names(
    connection: Connection, pools: Sequence[PoolKey]
) -> Iterator[tuple[PoolKey, tuple[str, str]]]:
    given = dialect_of(connection).rows("pools", brand_id="INTEGER", campaign_id="INTEGER")
    statement = text(_NAMES.format(pools=given))
    for row in connection.execute(statement, {"pools": json.dumps(pools)}):
        yield PoolKey(row[0], row[1]), (row[2], row[3])
