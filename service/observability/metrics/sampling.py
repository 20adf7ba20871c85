"""What a worker process knows of itself, noted every second: a scrape cannot ask it.

A number that is noted only when something ends would stand still just when nothing ends any more.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from structlog.typing import FilteringBoundLogger

from service.observability.metrics.instruments import Metrics

INTERVAL_S = 1.0

Saturation = tuple[int, int, int, int]
"""Writes that wait; connections in use, idle, and allowed."""


def keep_sampling(
    metrics: Metrics, look: Callable[[], Saturation], log: FilteringBoundLogger
) -> None:
    """Note what `look` sees, from a thread of this process, until the process ends."""

    def sample() -> None:
        while True:
            with suppress(Exception):  # what cannot be told now may be told a second later
                metrics.saturation(*look())
                if lines := metrics.log_lines():
                    log.warning("log_lines_dropped", lines=lines)
            time.sleep(INTERVAL_S)

    threading.Thread(target=sample, name="sampling", daemon=True).start()
