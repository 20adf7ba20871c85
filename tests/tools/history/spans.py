"""Facts that last for a while, and the intervals in which they may begin and end.

The effect of a call lies between its beginning and its answer; without an answer, anywhere after
its beginning. So a fact is certain from a call that shows it for as long as nothing may have ended
it, and possible from the beginning of the first call that may have caused it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from tests.tools.history.history import Call

Span = tuple[float, float]


def effect(call: Call) -> Span:
    """Return the interval in which a call may have taken effect."""
    return call.began, call.latest


def overlaps(spans: Iterable[Span], began: float, ended: float) -> bool:
    """Return whether one of the intervals has a moment in common with another."""
    return any(begin <= ended and end >= began for begin, end in spans)


@dataclass(slots=True)
class Fact:
    """A fact: the calls that show it, and the intervals in which it may have ended."""

    proofs: list[Call] = field(default_factory=list)
    ends: list[Span] = field(default_factory=list)

    def may_end(self, began: float, ended: float) -> bool:
        return overlaps(self.ends, began, ended)

    def proof(self, began: float, ended: float) -> Call | None:
        """Return a call by which the fact is certain from one time to another, if there is one."""
        before = [call for call in self.proofs if call.ended < began]
        latest = max(before, key=lambda call: call.began, default=None)
        return None if latest is None or self.may_end(latest.began, ended) else latest

    def certain(self, call: Call) -> Call | None:
        """Return a call by which the fact is certain for as long as another call lasts."""
        return self.proof(call.began, call.ended)


def contradictions(facts: Iterable[Fact]) -> Iterator[tuple[Call, Call]]:
    """Yield calls that show two facts of which only one may be true at a time."""
    several = list(facts)
    for one in several:
        for other in several:
            if one is not other:
                yield from _after(one, other)
    for number, one in enumerate(several):
        for other in several[number + 1 :]:
            yield from _at_once(one, other)


def _after(one: Fact, other: Fact) -> Iterator[tuple[Call, Call]]:
    """Yield calls that show the other fact although the first was still certain."""
    for call in other.proofs:
        if shown := one.certain(call):
            yield shown, call
            return


def _at_once(one: Fact, other: Fact) -> Iterator[tuple[Call, Call]]:
    """Yield concurrent calls that show both facts, with an end of neither."""
    for first in one.proofs:
        for second in other.proofs:
            if first.began <= second.ended and second.began <= first.ended:
                hull = min(first.began, second.began), max(first.ended, second.ended)
                if not one.may_end(*hull) and not other.may_end(*hull):
                    yield first, second
                    return


class Spans:
    """Intervals, and whether one of them contains another."""

    def __init__(self, spans: Iterable[Span]) -> None:
        """Sort the intervals, so that a query takes logarithmic time."""
        ordered = sorted(spans)
        self._begins = [begin for begin, _ in ordered]
        self._furthest = list(accumulate((end for _, end in ordered), max))

    def hold(self, begin: float, end: float) -> bool:
        """Return whether an interval lasts from before `begin` to after `end`."""
        earlier = bisect_right(self._begins, begin)
        return earlier > 0 and self._furthest[earlier - 1] > end
