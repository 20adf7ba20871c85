"""Pacing of bulk work, so that callers do not notice it.

With a single writer (SQLite), a chunk delays every reservation. So while others write or wait to
write, chunks take a few milliseconds, with pauses between them. Otherwise, chunks take as long as
a reservation may wait, without pauses. With many writers (PostgreSQL), all still share processors
and the log: chunks are short while others reserve, and long otherwise.
"""

from dataclasses import dataclass

from service.usecases.ports.work import Step

FEWEST, MOST = 64, 50_000
"""Rows in a chunk; the most take about 20 MB."""
GROWTH = 2.0
"""How many times the rows of the previous chunk a chunk may have."""
POLITE_FOR_S = 2.0
"""Seconds without others until they are considered gone."""
POLITE_S = 0.004
"""Duration of a chunk while others write."""
POLITE_REST_S = 0.012
"""The pause, in which others can write. SQLite polls a lock after
1, 3, 8 and 18 ms, so it finds a gap of this length."""
BRISK_S = 0.1
"""Duration of a chunk while nobody else writes."""
LONG_WAIT_S = 0.018
LONG_WAIT_REST_S = 0.026
"""The pause for others that have waited longer: SQLite polls every 25 ms by then."""
FREE_S = 0.1
"""Duration of a chunk with many writers, while nobody reserves."""
FREE_POLITE_S = 0.02
FREE_POLITE_REST_S = 0.04
"""The same while others reserve: chunks are written to the log in between."""


@dataclass(slots=True)
class ChunkPacer:
    """The size of the next chunk, and the pause before it."""

    size: int = 500
    rest_s: float = 0.0
    _polite_until: float = 0.0

    def note(self, step: Step, now: float) -> None:
        """Adapt to a completed chunk.

        Args:
            step: The chunk.
            now: The time of a monotonic clock, in seconds.
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
