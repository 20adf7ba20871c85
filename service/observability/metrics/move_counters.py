"""Counters of what calls do with codes, beside reservations."""

from prometheus_client import CollectorRegistry, Counter

REFUSED = "refused"
REDEMPTIONS = ("new", "repeated", REFUSED)
UNDOS = ("undone", "repeated", "early")
HOLDS = ("new", "extended", "taken_over", "ended", REFUSED)
RELEASES = ("retired", "recycled")


class MoveCounters:
    """Counters of redemptions, undos, holds and releases."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, outcomes: tuple[str, ...]) -> dict[str, Counter]:
            """Return a counter for each outcome, so that each is scraped as 0 before it happens."""
            counters = Counter(f"discount_{name}", text, ["outcome"], registry=registry)
            return {outcome: counters.labels(outcome) for outcome in outcomes}

        self._redemptions = counter(
            "redemptions", "Redemptions requested: new, repeated or refused.", REDEMPTIONS
        )
        self._undos = counter("undos", "Undos requested: undone, repeated or early.", UNDOS)
        self._holds = counter("holds", "Holds requested.", HOLDS)
        self._releases = counter("releases", "Codes released: retired or recycled.", RELEASES)

    def redemption(self, outcome: str) -> None:
        """Count a redemption by its outcome, one of `REDEMPTIONS`."""
        self._redemptions[outcome].inc()

    def undo(self, outcome: str) -> None:
        """Count an undo by its outcome, one of `UNDOS`."""
        self._undos[outcome].inc()

    def hold(self, outcome: str) -> None:
        """Count a hold by its outcome, one of `HOLDS`."""
        self._holds[outcome].inc()

    def release(self, outcome: str) -> None:
        """Count a release by its outcome, one of `RELEASES`."""
        self._releases[outcome].inc()
