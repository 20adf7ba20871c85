"""How fast bulk work goes, so that nobody notices it.

Where only one can write at a time (SQLite), a chunk keeps every reservation waiting. So while
others write or wait to, chunks take a few milliseconds, with rests between them; while nobody
does, they are as long as one late reservation may wait, and follow each other at once. Where all
can write at once (PostgreSQL), they still share processors and a log: there, too, chunks are short
while others reserve, and long while nobody does.
"""

from dataclasses import dataclass

from service.usecases.ports.work import Step

FEWEST, MOST = 64, 50_000
"""Rows in a chunk; the most are some 20 MB."""
GROWTH = 2.0
"""A chunk has at most this many times the rows of the one before."""
POLITE_FOR_S = 2.0
"""Seconds after which others that are not heard of any more have gone."""
POLITE_S = 0.004
"""How long a chunk takes while others write."""
POLITE_REST_S = 0.012
"""How long they have the database to themselves. SQLite's own waiting looks at the lock after
1, 3, 8 and 18 ms, so it finds a gap of this length."""
BRISK_S = 0.1
"""How long a chunk takes while nobody else writes."""
LONG_WAIT_S = 0.018
LONG_WAIT_REST_S = 0.026
"""A gap that is found by who has waited longer than that: SQLite looks every 25 ms by then."""
FREE_S = 0.1
"""How long a chunk takes where all can write at once, and nobody reserves."""
FREE_POLITE_S = 0.02
FREE_POLITE_REST_S = 0.04
"""The same while others reserve: a chunk's share of the log is written in between theirs."""


@dataclass(slots=True)
class ChunkPacer:
    """Says how many rows the next chunk has, and how long to rest before it."""

    size: int = 500
    rest_s: float = 0.0
    _polite_until: float = 0.0

    def note(self, step: Step, now: float) -> None:
        """Learn from a chunk that was done.

        Args:
            step: The chunk.
            now: Seconds of a monotonic clock.
        """
        if step.others:
            self._polite_until = now + POLITE_FOR_S
        polite = now < self._polite_until
        if step.free:
            aim_s, rest_s = FREE_POLITE_S if polite else FREE_S, FREE_POLITE_REST_S
        else:
            aim_s = POLITE_S if polite else BRISK_S
            rest_s = POLITE_REST_S if step.seconds < LONG_WAIT_S else LONG_WAIT_REST_S
        self.rest_s = rest_s if polite else 0.0
        goal = step.rows * aim_s / max(step.seconds, 1e-6)
        self.size = int(min(max(goal, FEWEST), self.size * GROWTH, MOST))
