"""Facts that follow directly from a history, collected in one pass."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import inf

from tests.tools.history.history import CREATES, RESERVES, Call, History, Kind, Row
from tests.tools.history.lives import Lives
from tests.tools.history.tenures import Tenures

Pool = tuple[str, str]
Holder = tuple[str, str, str]
BrandCode = tuple[str, str]

CODE = re.compile("[A-Za-z0-9][A-Za-z0-9-]{2,62}[A-Za-z0-9]")
NONE_HELD = {
    Kind.FETCH: {"no-codes-left", "user-erased"},
    Kind.PUT: {"no-codes-left", "user-erased"},
    Kind.SHOW: {"reservation-not-found"},
    Kind.RELEASE: {"reservation-not-found"},
}
"""The refusals of whom nothing is reserved for."""


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
        self.by_kind: defaultdict[Kind, list[Call]] = defaultdict(list)
        self.by_brand: defaultdict[tuple[Kind, str], list[Call]] = defaultdict(list)
        for call in history.calls:
            self.by_kind[call.kind].append(call)
            self.by_brand[call.kind, call.brand].append(call)
        self.denied: defaultdict[Holder, list[Call]] = defaultdict(list)
        self.created: list[tuple[list[str], Call]] = []
        self.born: dict[BrandCode, float] = {}
        self.maybe_created: defaultdict[Pool, list[Call]] = defaultdict(list)
        self.rows: defaultdict[BrandCode, list[Row]] = defaultdict(list)
        for row in history.rows:
            self.rows[row.key].append(row)
        for call in self.of(*CREATES):
            self._note_create(call)
        for call in self.of(*NONE_HELD):
            if call.slug in NONE_HELD[call.kind]:
                self.denied[call.holder].append(call)

    def of(self, *kinds: Kind) -> Iterator[Call]:
        """Return the calls of some kinds."""
        for kind in kinds:
            yield from self.by_kind[kind]

    def of_brand(self, brand: str, *kinds: Kind) -> Iterator[Call]:
        """Return the calls of some kinds about a brand."""
        for kind in kinds:
            yield from self.by_brand.get((kind, brand), ())

    @cached_property
    def tenures(self) -> Tenures:
        return Tenures(self.by_kind)

    @cached_property
    def lives(self) -> Lives:
        return Lives(self.by_kind, self.tenures)

    def _note_create(self, call: Call) -> None:
        if call.done:
            codes = call.content
            self.created.append((codes, call))
            for code in codes:
                key = call.brand, code
                self.born[key] = min(call.ended, self.born.get(key, inf))
        elif call.unknown:
            self.maybe_created[call.pool].append(call)

    @cached_property
    def exhausted(self) -> list[Call]:
        return [call for call in self.of(*RESERVES) if call.slug == "no-codes-left"]

    @cached_property
    def taken(self) -> dict[BrandCode, float]:
        """The times until which the codes were certainly nobody's; infinity, if they still are."""
        return {key: min(map(self._taken, rows)) for key, rows in self.rows.items()}

    def _taken(self, row: Row) -> float:
        tenures = self.tenures
        times: list[float] = [tenures.traceless(row.pool), *tenures.moves.get(row.key, ())]
        times += [tenures.asked.get(holder, 0.0) for holder in tenures.of_code(row.key)]
        if row.erased:
            times.append(tenures.first_erasure(row.pool))
        elif row.user is not None:
            times.append(tenures.asked.get(row.holder, 0.0))
        return min(times)

    @cached_property
    def conceived(self) -> dict[BrandCode, float]:
        """The times before which the codes certainly did not exist."""
        keys: defaultdict[str, float] = defaultdict(lambda: inf)
        for call in self.of(*CREATES):
            if call.key:
                keys[call.key] = min(keys[call.key], call.began)
        times: dict[BrandCode, float] = {}
        for codes, call in self.created:
            began = keys[call.key] if call.key else call.began
            times |= {(call.brand, code): began for code in codes}
        return times

    def holders(self) -> Iterator[tuple[Holder, str]]:
        """Return the holders of codes in the database."""
        for row in self.history.rows:
            if row.user is not None and not row.erased:
                yield row.holder, row.code

    @cached_property
    def recycling_since(self) -> dict[Pool, float]:
        """The times since when campaigns certainly had rules that recycle."""
        times: dict[Pool, float] = {}
        for call in self.of(Kind.RULES):
            if call.done and call.pool in self.tenures.recycling:
                times[call.pool] = min(call.ended, times.get(call.pool, inf))
        return times
