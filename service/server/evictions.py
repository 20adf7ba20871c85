"""Evictions: refusals of requests without a complete head, so that others have room.

There may be thousands in a second, while new clients wait to be accepted. So their answer is
prepared, and they share a line of the log.
"""

import math
import secrets
import time
from collections import Counter

from structlog.typing import FilteringBoundLogger

from service.api.problems.writer import problem
from service.domain.errors import Unavailable
from service.observability.exchange import Exchange, Pseudonyms, RequestRecord
from service.observability.request_log import RequestLog
from service.server.refusing import encoded

LOG_INTERVAL_S = 1.0
LOGGED_PEERS = 5
"""Addresses in a line of the log: those with the most evictions."""
_ID = "0" * 32
"""The request id of the prepared answer, in place of those of the requests."""


class Evictions:
    """The evictions of one worker.

    Args:
        requests: Counts them.
        log: Logs how many there were, at most once a second.
    """

    def __init__(self, requests: RequestLog, log: FilteringBoundLogger) -> None:
        self._requests, self._log = requests, log
        record = RequestRecord({"HTTP_X_REQUEST_ID": _ID}, Pseudonyms(lambda: b""))
        self._exchange = Exchange(record)
        self._exchange.logged = False
        self._peers: Counter[str] = Counter()
        self._last_logged = -math.inf
        self._second = 0
        self._answers: dict[bool, bytes] = {}

    def refusal(self, peer: str, *, is_head: bool) -> bytes:
        """Count an eviction, and return the answer, after which the connection ends.

        Args:
            peer: The address of the client.
            is_head: Whether the method is HEAD.
        """
        self._peers[peer] += 1
        environ = {"REQUEST_METHOD": "HEAD"} if is_head else {}
        self._requests.finish(environ, 503, 0.0, self._exchange)
        if (second := int(time.time())) != self._second:  # the answer has a date
            self._second, self._answers = second, self._prepare()
        return self._answers[is_head].replace(_ID.encode(), secrets.token_hex(16).encode())

    def log(self, now: float) -> None:
        """Log the evictions since the last line, if that was a second ago."""
        if self._peers and now - self._last_logged >= LOG_INTERVAL_S:
            self._last_logged = now
            peers = dict(self._peers.most_common(LOGGED_PEERS))
            self._log.warning("requests_evicted", requests=self._peers.total(), peers=peers)
            self._peers.clear()

    def _prepare(self) -> dict[bool, bytes]:
        """Return the answer to HEAD, and to all other methods."""
        reply = problem(no_room(), "/", self._exchange.record)
        return {
            is_head: encoded(reply, self._exchange, with_body=not is_head)
            for is_head in (True, False)
        }


def no_room() -> Unavailable:
    """Return the error of a request that is evicted."""
    return Unavailable("There is no room for a request that arrives so slowly.")
