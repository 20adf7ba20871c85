"""Guarantees of creates: exactly once, and completely or not at all."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from tests.tools.history.facts import CODE, BrandCode, Facts, Pool, Violation, Violations
from tests.tools.history.history import CREATES, Call, Kind


def create_answers_are_complete(facts: Facts) -> Violations:
    """A create returns as many different, well-formed codes as were requested, new in the brand."""
    for codes, call in facts.created:
        if not call.count == len(codes) == len(set(codes)):
            yield Violation(f"{call.count} codes were asked for, not {len(codes)}", (call,))
        for code in codes:
            if not CODE.fullmatch(code):
                yield Violation(f"{code!r} is no code", (call,))
            campaigns = [row.campaign for row in facts.rows.get((call.brand, code), ())]
            if campaigns != [call.campaign]:
                yield Violation(f"{code} was created, and is in campaigns {campaigns}", (call,))


def no_code_is_created_twice(facts: Facts) -> Violations:
    """Two creates have no common code, unless one is the other's retry."""
    creators: defaultdict[BrandCode, dict[str, Call]] = defaultdict(dict)
    for number, (codes, call) in enumerate(facts.created):
        for code in codes:
            creators[call.brand, code].setdefault(call.key or f"without key: {number}", call)
    for (brand, code), calls in creators.items():
        if len(calls) > 1:
            yield Violation(f"{code} of {brand} was created twice", tuple(calls.values()))
    for (brand, code), rows in facts.rows.items():
        if len(rows) > 1:
            yield Violation(f"{brand} has {code} {len(rows)} times")


def a_retry_gets_the_first_answer(facts: Facts) -> Violations:
    """Idempotency keys: one key, one effect, one answer, and replays are marked."""
    by_key: defaultdict[tuple[Kind, str], list[Call]] = defaultdict(list)
    for call in facts.history.calls:
        if call.kind in CREATES and call.key:
            by_key[call.kind, call.key].append(call)
        elif call.replayed:
            yield Violation("a call without a key was answered by a replay", (call,))
    for calls in by_key.values():
        yield from _check_key(calls)


def _check_key(calls: list[Call]) -> Violations:
    done = [call for call in calls if call.done]
    if len({(call.brand, call.count, call.body) for call in done}) > 1:
        yield Violation("one key has several answers", tuple(done))
    first = [call for call in done if not call.replayed]
    if len(first) > 1:
        yield Violation("one key was done more than once", tuple(first))
    answered = min((call.ended for call in done), default=None)
    if answered is not None:
        late = [call for call in first if call.began > answered]
        if late:
            yield Violation("an answer to a retry does not say that it is a replay", tuple(late))
    if len({(call.brand, call.campaign, call.count) for call in calls}) == 1:
        for call in calls:
            if call.status == 409:
                yield Violation("a retry of the same call is a conflict", (call,))


def creates_without_an_answer_are_done_wholly_or_not_at_all(facts: Facts) -> Violations:
    """Rule 5: codes that no answer names are whole creates among those without an answer.

    The codes of one create share their moment, so each moment's codes must be a sum of such
    creates; a key counts once, and not at all if it has an answer.
    """
    answered = {call.key for _, call in facts.created if call.key}
    nameless: defaultdict[Pool, Counter[int]] = defaultdict(Counter)
    for row in facts.history.rows:
        if (row.brand, row.code) not in facts.born:
            nameless[row.brand, row.campaign][row.created_at] += 1
    for pool, moments in nameless.items():
        calls = [call for call in facts.maybe_created[pool] if call.key not in answered]
        effects: defaultdict[str, set[int]] = defaultdict(set)
        for number, call in enumerate(calls):
            effects[call.key or f"without key: {number}"].add(call.count)
        possible = _sums(effects.values())
        for found in {*moments.values(), moments.total()} - possible:
            yield Violation(f"{pool} has {found} codes that no create explains", tuple(calls))


def _sums(effects: Iterable[set[int]]) -> set[int]:
    """Return the possible numbers of codes if each create had one of its effects, or none."""
    possible = {0}
    for sizes in effects:
        possible |= {some + size for some in possible for size in sizes}
    return possible


def refused_creates_make_nothing(facts: Facts) -> Violations:
    """Rule 5: a brand exists only if a create may have made it."""
    made = {call.brand for _, call in facts.created} | {brand for brand, _ in facts.maybe_created}
    made |= {call.brand for call in facts.of(Kind.RULES) if call.possible}
    for brand in sorted(facts.history.brands - made):
        calls = [call for call in facts.history.calls if call.brand == brand]
        yield Violation(f"{brand} exists, and no create was accepted", tuple(calls))


RULES = (
    create_answers_are_complete,
    no_code_is_created_twice,
    a_retry_gets_the_first_answer,
    creates_without_an_answer_are_done_wholly_or_not_at_all,
    refused_creates_make_nothing,
)
