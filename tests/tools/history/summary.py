"""The summary of a drill."""

from bisect import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.tools.history.facts import Violation
from tests.tools.history.history import CallFailure
from tests.tools.history.rig import Drilled

SHOWN = 10


def summary(drilled: Drilled, violations: list[Violation]) -> str:
    """Return the figures, and the violations with their evidence."""
    calls = drilled.history.calls
    answered = [call for call in calls if not call.failure]
    statuses = Counter(call.status for call in answered)
    failures = Counter(call.failure for call in calls if call.failure)
    unavailable = statuses[503] + failures[CallFailure.CUT] + failures[CallFailure.REFUSED]
    seconds = max(call.ended for call in calls) - min(call.began for call in calls)
    served = sorted(call.ended for call in calls if call.done)
    outage = max((later - earlier for earlier, later in pairwise(served)), default=0.0)
    slowest = max((call.ended - call.began for call in answered), default=0.0)
    faults = Counter(disturbance.name for disturbance in drilled.disturbances)
    rules = Counter(violation.rule for violation in violations)
    held = sum(row.user is not None for row in drilled.history.rows)
    lines = [
        f"calls: {len(calls)} in {seconds:.0f} s",
        f"answered: {len(answered)} ({len(answered) / seconds:.0f}/s): {_listed(statuses)}",
        f"without an answer: {_listed(failures)}",
        f"error share (503, cut, refused): {unavailable / len(calls):.2%}",
        f"longest outage: {outage:.1f} s",
        f"longest from the end of a fault to a success: {_recovery(drilled, served):.1f} s",
        f"slowest answer: {slowest:.1f} s",
        f"faults: {faults.total()}: {_listed(faults)}",
        f"codes in the end: {len(drilled.history.rows)}, held: {held}",
        f"violations: {len(violations)}: {_listed(rules)}",
        *map(str, violations[:SHOWN]),
        f"discount verify: {drilled.verify or 'nothing broken'}",
    ]
    return "\n".join(lines)


def _recovery(drilled: Drilled, served: Sequence[float]) -> float:
    """Return the longest time, in seconds, from the end of a fault to the next success."""
    ends = [disturbance.ended for disturbance in drilled.disturbances]
    nexts = [(end, bisect(served, end)) for end in ends]
    return max((served[at] - end for end, at in nexts if at < len(served)), default=0.0)


def _listed(counter: Mapping[Any, int]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in sorted(counter.items())) or "none"
