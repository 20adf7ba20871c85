"""The lives of codes: what is redeemed, held, disabled, lapsed or erased, and since when."""

from collections import defaultdict
from collections.abc import Iterator

from tests.tools.history.history import Call, Kind
from tests.tools.history.spans import Fact, effect
from tests.tools.history.tenures import CLOCK_S, BrandCode, Calls, Holder, Tenures

Reference = tuple[str, str, str]
"""A brand, one of its codes, and the caller's reference."""


class Lives:
    """The facts of codes, and the calls that may have changed them."""

    def __init__(self, calls: Calls, tenures: Tenures) -> None:
        self._calls = calls
        self._tenures = tenures
        self.redeems: defaultdict[BrandCode, list[Call]] = defaultdict(list)
        self.undos: defaultdict[Reference, list[Call]] = defaultdict(list)
        self.holds: defaultdict[BrandCode, list[Call]] = defaultdict(list)
        self.unholds: defaultdict[Reference, list[Call]] = defaultdict(list)
        self.patches: defaultdict[BrandCode, list[Call]] = defaultdict(list)
        self.redeemed: defaultdict[BrandCode, dict[str, Fact]] = defaultdict(dict)
        self.disabled: defaultdict[BrandCode, Fact] = defaultdict(Fact)
        self._index()
        self.erased = dict(self._erased())
        """The calls after which a user may not claim again."""
        self.retired = dict(self._retired())
        """The calls after which a code is disabled for good."""

    def _index(self) -> None:
        for kind, by_code in (
            (Kind.REDEEM, self.redeems),
            (Kind.HOLD, self.holds),
            (Kind.PATCH, self.patches),
        ):
            for call in self._possible(kind):
                by_code[call.brand, call.code].append(call)
        for kind, by_reference in ((Kind.UNDO, self.undos), (Kind.UNHOLD, self.unholds)):
            for call in self._possible(kind):
                by_reference[reference_of(call)].append(call)
        for kind in (Kind.REDEEM, Kind.REDEMPTION):
            for call in self._calls.get(kind, ()):
                if call.done and is_redeemed(call):
                    self._redemption(call).proofs.append(call)
        for key, patches in self.patches.items():
            fact = self.disabled[key]
            fact.proofs += [call for call in patches if call.done and call.disabled]
            fact.ends += [effect(call) for call in patches if call.disabled is False]

    def _possible(self, kind: Kind) -> Iterator[Call]:
        return (call for call in self._calls.get(kind, ()) if call.possible)

    def _redemption(self, call: Call) -> Fact:
        facts = self.redeemed[call.brand, call.code]
        if call.reference not in facts:
            facts[call.reference] = Fact(ends=[effect(undo) for undo in self.undos_of(call)])
        return facts[call.reference]

    def undos_of(self, call: Call) -> list[Call]:
        """Return the calls that may have undone the reference of a call."""
        return self.undos.get(reference_of(call), [])

    def undone(self, call: Call) -> Call | None:
        """Return a call that had spent a call's reference for certain, before it began."""
        return next((undo for undo in self.undos_of(call) if _before(undo, call)), None)

    def redemption(self, key: BrandCode, call: Call) -> tuple[str, Call] | None:
        """Return the reference that certainly redeemed a code during a call, and what shows it."""
        for reference, fact in self.redeemed.get(key, {}).items():
            if shown := fact.certain(call):
                return reference, shown
        return None

    def possible_redemptions(self, key: BrandCode, call: Call) -> list[Call]:
        """Return the calls by which a code may be redeemed during a call."""
        return [
            redeem
            for redeem in self.redeems.get(key, ())
            if redeem.began < call.ended
            and redeem is not call
            and not self._was_undone(redeem, call)
        ]

    def _was_undone(self, redeem: Call, call: Call) -> bool:
        return any(_before(undo, call) for undo in self.undos_of(redeem))

    def hold(self, key: BrandCode, call: Call) -> Call | None:
        """Return a call whose hold is certainly live for as long as another call lasts."""
        for held in self.holds.get(key, ()):
            if held.done and held.ended < call.began and not self._may_end(held, call):
                return held
        return None

    def _may_end(self, held: Call, call: Call) -> bool:
        key = held.brand, held.code
        others = [
            *self.unholds.get(reference_of(held), ()),
            *self._tenures.erasures.get((held.brand, held.user), ()),
            *(each for each in self.patches.get(key, ()) if each.disabled is not None),
            *(each for each in self.redeems.get(key, ()) if each is not call),
            *(
                each
                for each in self.holds[key]
                if each.take_over and each.reference != held.reference and each is not call
            ),
        ]
        if any(end.began <= call.ended and end.latest >= held.began for end in others):
            return True
        again = [each for each in self.holds[key] if each.reference == held.reference]
        later = [each for each in again if each.latest >= held.began]
        return any(call.ended >= each.began + each.ttl_s - CLOCK_S for each in later)

    def possible_holds(self, key: BrandCode, call: Call) -> list[Call]:
        """Return the calls whose holds may be live during a call."""
        return [
            held
            for held in self.holds.get(key, ())
            if held is not call
            and held.began < call.ended
            and held.latest + held.ttl_s + CLOCK_S >= call.began
            and not self._was_dropped(held, call)
        ]

    def _was_dropped(self, held: Call, call: Call) -> bool:
        own = [each for each in self.redeems.get((held.brand, held.code), ()) if _same(each, held)]
        drops = [*self.unholds.get(reference_of(held), ()), *own]
        return any(_before(held, drop) and _before(drop, call) for drop in drops)

    def lapsed(self, key: BrandCode, call: Call) -> Call | None:
        """Return the call that set the end of a reservation, if that had certainly come.

        A hold or a redemption would have kept the code, even one without an answer.
        """
        if self.possible_redemptions(key, call) or self.possible_holds(key, call):
            return None
        ends = [end for end in self._tenures.ends.get(key, ()) if _before(end, call)]
        last = max(ends, key=lambda end: end.began, default=None)
        if last is None or last.end is None or last.end + CLOCK_S >= call.began:
            return None
        return None if self._may_be_prolonged(key, last, call) else last

    def _may_be_prolonged(self, key: BrandCode, last: Call, call: Call) -> bool:
        """Return whether another end, or another reservation, may have come after an end."""
        others = [end for end in self._tenures.ends[key] if end is not last]
        for holder in self._tenures.of_code(key):
            claims = self._tenures.claims.get(holder, ())
            others += [
                each for each in claims if not (each.kind is Kind.PUT and each.status == 200)
            ]
            others += self._tenures.releases.get(holder, ())
        return self._tenures.may_be_unseen(key, call) or any(
            other.began <= call.ended and other.latest >= last.began
            for other in others
            if other is not call
        )

    def _erased(self) -> Iterator[tuple[Holder, Call]]:
        for holder, codes in self._tenures.by_holder():
            erasures = self._tenures.erasures.get((holder[0], holder[2]), ())
            for erasure in sorted(erasures, key=lambda call: -call.ended):
                held = (tenure.kept.certain(erasure) for tenure in codes.values())
                if erasure.done and any(held):
                    yield holder, erasure

    def erased_in(self, brand: str, user: str) -> Call | None:
        """Return the first answer to an erasure of a user."""
        done = [call for call in self._tenures.erasures.get((brand, user), ()) if call.done]
        return min(done, key=lambda call: call.ended, default=None)

    def _retired(self) -> Iterator[tuple[BrandCode, Call]]:
        """Yield the codes that a release or an erasure certainly disabled.

        Where nothing is recycled, whatever else may have ended a tenure has disabled the code, too.
        """
        for key, tenures in self._tenures.by_code():
            for (brand, campaign, user), tenure in tenures.items():
                ends = list(self._tenures.erasures.get((brand, user), ()))
                kept = tenure.kept
                if (brand, campaign) not in self._tenures.recycling:
                    ends += self._tenures.releases.get((brand, campaign, user), ())
                    kept = Fact(tenure.kept.proofs)
                for end in ends:
                    if end.done and kept.certain(end):
                        yield key, end


def reference_of(call: Call) -> Reference:
    return call.brand, call.code, call.reference


def _same(one: Call, other: Call) -> bool:
    return one.reference == other.reference


def is_redeemed(call: Call) -> bool:
    """Return whether an answer shows a redemption that is not undone."""
    content = call.content
    return content.get("redeemed_at") is not None and content.get("undone_at") is None


def _before(one: Call, other: Call) -> bool:
    """Return whether a call had its effect for certain before another began."""
    return one.done and one.ended < other.began
