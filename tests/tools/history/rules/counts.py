"""Rule 9: the sum of `counts` is the number of codes; each count is hardly behind."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable

from tests.tools.history.facts import BrandCode, Facts, Pool, Violation, Violations
from tests.tools.history.history import Call, Kind
from tests.tools.history.spans import Fact

LAG_S = 5.0
"""The allowed age of counts on PostgreSQL, in seconds."""


def counts_sum_up_to_the_codes(facts: Facts) -> Violations:
    """Counts have all codes that certainly existed some seconds ago, and none that cannot yet."""
    existing, possible = _moments(facts, facts.born), _moments(facts, facts.conceived)
    nameless: defaultdict[Pool, int] = defaultdict(int)
    for row in facts.history.rows:
        nameless[row.pool] += row.key not in facts.conceived
    for call in facts.of(Kind.COUNTS):
        if call.done:
            total = sum(call.content["counts"].values())
            if total < bisect_right(existing[call.pool], call.began - LAG_S):
                yield Violation("codes are missing in the counts", (call,))
            if total > bisect_left(possible[call.pool], call.ended) + nameless[call.pool]:
                yield Violation("the counts have more codes than there are", (call,))


def _moments(facts: Facts, moments: dict[BrandCode, float]) -> defaultdict[Pool, list[float]]:
    """Return the sorted times of the events of each pool's codes."""
    pools: defaultdict[Pool, list[float]] = defaultdict(list)
    for row in facts.history.rows:
        if row.key in moments:
            pools[row.pool].append(moments[row.key])
    for times in pools.values():
        times.sort()
    return pools


def counts_are_hardly_behind(facts: Facts) -> Violations:
    """Counts lie between what was certain some seconds ago and what may have been since."""
    codes: defaultdict[Pool, list[BrandCode]] = defaultdict(list)
    for row in facts.history.rows:
        codes[row.pool].append(row.key)
    asked: defaultdict[Pool, list[float]] = defaultdict(list)
    for (brand, campaign, _), began in facts.tenures.asked.items():
        asked[brand, campaign].append(began)
    for call in facts.of(Kind.COUNTS):
        if call.done:
            counts = call.content["counts"]
            if counts["reserved"] > sum(began < call.ended for began in asked[call.pool]):
                yield Violation("the counts have more reservations than were asked for", (call,))
            taken = sum(_taken(facts, key, call) for key in codes[call.pool])
            others = sum(counts.values()) - counts["available"]
            if others < taken:
                yield Violation("reservations are missing in the counts", (call,))
            yield from _redeemed(facts, codes[call.pool], call)


def _redeemed(facts: Facts, keys: Iterable[BrandCode], call: Call) -> Violations:
    lives, counts = facts.lives, call.content["counts"]
    least = most = 0
    for key in keys:
        least += _certain(lives.redeemed.get(key, {}).values(), call)
        most += any(redeem.began < call.ended for redeem in lives.redeems.get(key, ()))
    if not least <= counts.get("redeemed", 0) <= most:
        yield Violation(f"of {least} to {most} redeemed codes the counts have others", (call,))


def _taken(facts: Facts, key: BrandCode, call: Call) -> bool:
    """Return whether a code certainly was not available."""
    lives = facts.lives
    retired = lives.retired.get(key)
    taken = [tenure.answer for tenure in facts.tenures.of_code(key).values()]
    taken += [lives.disabled[key], *lives.redeemed.get(key, {}).values()]
    return _certain(taken, call) or (retired is not None and retired.ended < call.began - LAG_S)


def _certain(some: Iterable[Fact], call: Call) -> bool:
    """Return whether one of some facts was certain before, and until the end of a call."""
    return any(fact.proof(call.began - LAG_S, call.ended) for fact in some)


RULES = (counts_sum_up_to_the_codes, counts_are_hardly_behind)
