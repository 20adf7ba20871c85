"""Facts that follow directly from a history, collected in one pass."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import inf

from tests.tools.history.history import CREATES, RESERVES, Call, History, Kind, Row

Pool = tuple[str, str]
Holder = tuple[str, str, str]
BrandCode = tuple[str, str]

CODE = re.compile("[A-Za-z0-9][A-Za-z0-9-]{2,62}[A-Za-z0-9]")
TELLS_RESERVATION = RESERVES | {Kind.SHOW}
NONE_HELD = frozenset({"no-codes-left", "reservation-not-found"})


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation: a description, and the calls that show it."""

    what: str
    calls: tuple[Call, ...] = ()
    rule: str = ""

    def __str__(self) -> str:
        return "\n    ".join([f"{self.rule}: {self.what}", *map(str, self.calls[:6])])


Violations = Iterator[Violation]


class Facts:
    """An index of a history.

    Times are certain: a code is *born* when a create answer that names it had arrived, and a user
    *asked* when the first call began that may have reserved.
    """

    def __init__(self, history: History) -> None:
        """Index the history."""
        self.history = history
        self.answered: defaultdict[Holder, list[tuple[str, Call]]] = defaultdict(list)
        self.denied: defaultdict[Holder, list[Call]] = defaultdict(list)
        self.asked: dict[Holder, float] = {}
        self.known: dict[Holder, float] = {}
        """Times of the first answer with the user's code."""
        self.created: list[tuple[list[str], Call]] = []
        self.born: dict[BrandCode, float] = {}
        self.maybe_created: defaultdict[Pool, list[Call]] = defaultdict(list)
        self.exhausted: list[Call] = []
        for call in history.calls:
            if call.kind in CREATES:
                self._note_create(call)
            elif call.kind in TELLS_RESERVATION:
                self._note_reservation(call)
        self.rows: defaultdict[BrandCode, list[Row]] = defaultdict(list)
        for row in history.rows:
            self.rows[row.brand, row.code].append(row)

    def _note_create(self, call: Call) -> None:
        if call.done:
            codes = call.content
            self.created.append((codes, call))
            for code in codes:
                key = call.brand, code
                self.born[key] = min(call.ended, self.born.get(key, inf))
        elif call.unknown:
            self.maybe_created[call.pool].append(call)

    def _note_reservation(self, call: Call) -> None:
        holder = call.holder
        if call.kind in RESERVES and (call.done or call.unknown):
            self.asked[holder] = min(call.began, self.asked.get(holder, inf))
        if call.done:
            self.answered[holder].append((call.content["discount_code"], call))
            self.known[holder] = min(call.ended, self.known.get(holder, inf))
        elif call.status == 404 and (slug := call.slug) in NONE_HELD:
            self.denied[holder].append(call)
            if slug == "no-codes-left":
                self.exhausted.append(call)

    def taken(self, row: Row) -> float:
        """Return the time until which a code was certainly free; infinity, if nobody holds it."""
        return self.asked.get(row.holder, 0.0) if row.user is not None else inf

    def holders(self) -> Iterator[tuple[Holder, str]]:
        """Return the holders of codes, by answers and by the database."""
        for holder, answers in self.answered.items():
            for code, _ in answers:
                yield holder, code
        for row in self.history.rows:
            if row.user is not None:
                yield row.holder, row.code


class Spans:
    """Intervals, and whether one of them contains another."""

    def __init__(self, spans: Iterable[tuple[float, float]]) -> None:
        """Sort the intervals, so that a query takes logarithmic time."""
        ordered = sorted(spans)
        self._begins = [begin for begin, _ in ordered]
        self._furthest = list(accumulate((end for _, end in ordered), max))

    def hold(self, begin: float, end: float) -> bool:
        """Return whether an interval lasts from before `begin` to after `end`."""
        earlier = bisect_right(self._begins, begin)
        return earlier > 0 and self._furthest[earlier - 1] > end
