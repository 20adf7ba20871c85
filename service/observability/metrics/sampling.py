"""Sampling of a worker process's state every second, as a scrape cannot query it.

A number that is only updated when something ends would not change when everything hangs.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from structlog.typing import FilteringBoundLogger

from service.observability.metrics.instruments import Metrics

INTERVAL_S = 1.0

Saturation = tuple[int, int, int, int]
"""Waiting writes; connections in use, idle, and allowed."""


def keep_sampling(
    metrics: Metrics, look: Callable[[], Saturation], log: FilteringBoundLogger
) -> None:
    """Start a thread that samples what `look` returns, until the process ends."""

    def sample() -> None:
        while True:
            with suppress(Exception):  # a failed sample is retried a second later
                metrics.saturation(*look())
                metrics.write_exhausted_pools()
                if lines := metrics.log_lines():
                    log.warning("log_lines_dropped", lines=lines)
            time.sleep(INTERVAL_S)

    threading.Thread(target=sample, name="sampling", daemon=True).start()
