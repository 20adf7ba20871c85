"""Who holds which code, from when, and until when: what follows from the calls about users."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from tests.tools.history.history import RESERVES, Call, Kind
from tests.tools.history.spans import Fact, Span, effect

Pool = tuple[str, str]
Holder = tuple[str, str, str]
BrandCode = tuple[str, str]
Calls = Mapping[Kind, Sequence[Call]]

CLOCK_S = 1.0
"""How far the clocks of the service and of the drill may be apart."""


@dataclass(slots=True)
class Tenure:
    """A user's hold of a code, as seen by three who ask."""

    answer: Fact = field(default_factory=Fact)
    """That it is the user's answer: until a release, a lapse or an erasure."""
    kept: Fact = field(default_factory=Fact)
    """That it was not given up: until a release or a lapse."""
    exclusive: Fact = field(default_factory=Fact)
    """That it is nobody else's: until a release or a lapse in a campaign that recycles."""

    def __post_init__(self) -> None:
        self.kept.proofs = self.exclusive.proofs = self.answer.proofs


class Tenures:
    """The tenures of a history, and the calls that may end them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.asked: dict[Holder, float] = {}
        """When somebody first asked for a code for each user."""
        self.recycling: set[Pool] = set()
        """Campaigns whose codes may be given out again."""
        self.open_to_anyone: set[Pool] = set()
        self.moves: defaultdict[BrandCode, list[float]] = defaultdict(list)
        """When a call began that may have taken a code from the available ones by itself."""
        self.claims: defaultdict[Holder, list[Call]] = defaultdict(list)
        self.releases: defaultdict[Holder, list[Call]] = defaultdict(list)
        self.erasures: defaultdict[tuple[str, str], list[Call]] = defaultdict(list)
        self.ends: defaultdict[BrandCode, list[Call]] = defaultdict(list)
        """Calls that set the end of a code's reservation."""
        self._index()
        self._by_holder: defaultdict[Holder, dict[str, Tenure]] = defaultdict(dict)
        self._by_code: defaultdict[BrandCode, dict[Holder, Tenure]] = defaultdict(dict)
        for holder, code, call in self._proofs():
            self._tenure(holder, code).answer.proofs.append(call)
        self._lost: defaultdict[Pool, list[Call]] = defaultdict(list)
        """Claims without an answer."""
        for claims in self.claims.values():
            for call in claims:
                if call.unknown:
                    self._lost[call.pool].append(call)
        self._erasable = self._first_erasable()
        self._traceless = self._first_traceless()

    def _index(self) -> None:
        for call in self._possible(Kind.RULES):
            rules = json.loads(call.rules)
            if "recycle" in {rules.get("on_lapse"), rules.get("on_release")}:
                self.recycling.add(call.pool)
            if rules.get("redeem_by") == "anyone":
                self.open_to_anyone.add(call.pool)
        for call in self._possible(*RESERVES, Kind.REDEEM):
            if call.kind is not Kind.REDEEM or call.pool in self.open_to_anyone:
                self.claims[call.holder].append(call)
                self.asked[call.holder] = min(call.began, self.asked.get(call.holder, inf))
        for call in self._possible(Kind.RELEASE):
            self.releases[call.holder].append(call)
        for call in self._possible(Kind.ERASE):
            self.erasures[call.brand, call.user].append(call)
        for call in self._possible(Kind.PATCH):
            self.moves[call.brand, call.code].append(call.began)
            if call.end is not None:
                self.ends[call.brand, call.code].append(call)

    def _possible(self, *kinds: Kind) -> Iterator[Call]:
        return (call for kind in kinds for call in self._calls.get(kind, ()) if call.possible)

    def _proofs(self) -> Iterator[tuple[Holder, str, Call]]:
        for kind in (*RESERVES, Kind.SHOW):
            for call in self._calls.get(kind, ()):
                if call.done:
                    yield call.holder, call.content["discount_code"], call
        for call in self._calls.get(Kind.REDEEM, ()):
            if call.status == 201:
                yield call.holder, call.code, call
        for call in self._calls.get(Kind.WALLET, ()):
            for item in call.content["items"] if call.done else ():
                yield (call.brand, item["campaign"], call.user), item["discount_code"], call

    def _tenure(self, holder: Holder, code: str) -> Tenure:
        """Return a tenure, which is made with all its possible ends when first asked for."""
        brand, campaign, user = holder
        if code not in self._by_holder[holder]:
            recycles = (brand, campaign) in self.recycling
            made = Tenure()
            made.kept.ends = [effect(call) for call in self.releases.get(holder, ())]
            if recycles:
                asked = self.asked.get(holder, 0.0)
                ends = [call for call in self.ends.get((brand, code), ()) if call.latest >= asked]
                made.kept.ends += map(lapse, ends)
                made.exclusive.ends = made.kept.ends
            erasures = self.erasures.get((brand, user), ())
            made.answer.ends = [*made.kept.ends, *map(effect, erasures)]
            self._by_holder[holder][code] = self._by_code[brand, code][holder] = made
        return self._by_holder[holder][code]

    def of_holder(self, holder: Holder) -> Mapping[str, Tenure]:
        """Return the codes that a user was seen to hold."""
        return self._by_holder.get(holder, {})

    def of_code(self, key: BrandCode) -> Mapping[Holder, Tenure]:
        """Return the users who were seen to hold a code."""
        return self._by_code.get(key, {})

    def by_holder(self) -> Iterable[tuple[Holder, Mapping[str, Tenure]]]:
        return list(self._by_holder.items())

    def by_code(self) -> Iterable[tuple[BrandCode, Mapping[Holder, Tenure]]]:
        return list(self._by_code.items())

    def answers(self, holder: Holder) -> list[tuple[str, Call]]:
        """Return all that showed a code of a user, in the order of their beginnings."""
        found = [
            (code, call)
            for code, tenure in self.of_holder(holder).items()
            for call in tenure.answer.proofs
        ]
        return sorted(found, key=lambda each: each[1].began)

    def certain(self, holder: Holder, call: Call) -> tuple[str, Call] | None:
        """Return the code that a user certainly held during a call, and what shows it."""
        for code, tenure in self.of_holder(holder).items():
            if shown := tenure.answer.certain(call):
                return code, shown
        return None

    def until(self, release: Call) -> tuple[str, Call] | None:
        """Return the code that a user certainly held until a release, and what shows it."""
        for code, tenure in self.of_holder(release.holder).items():
            others = [span for span in tenure.answer.ends if span != effect(release)]
            if shown := Fact(tenure.answer.proofs, others).certain(release):
                return code, shown
        return None

    def holder(self, key: BrandCode, call: Call) -> tuple[Holder, Call] | None:
        """Return who certainly held a code during a call, and what shows it."""
        for holder, tenure in self.of_code(key).items():
            if shown := tenure.answer.certain(call):
                return holder, shown
        return None

    def known(self) -> dict[Holder, float]:
        """Return the times of the first answer with each user's code."""
        return {
            holder: min(call.ended for tenure in codes.values() for call in tenure.answer.proofs)
            for holder, codes in self.by_holder()
            if any(tenure.answer.proofs for tenure in codes.values())
        }

    def traceless(self, pool: Pool) -> float:
        """Return when a user first may have held a code, and lost it, without an answer."""
        return self._traceless[pool]

    def may_be_unseen(self, key: BrandCode, call: Call) -> bool:
        """Return whether a claim without an answer may have taken a code after its end was set."""
        return any(
            claim.began < call.ended
            and claim.holder not in self.of_code(key)
            and not self._is_explained(claim, key[1], call)
            for claim in self._lost.get(call.pool, ())
        )

    def _is_explained(self, claim: Call, code: str, call: Call) -> bool:
        """Return whether a claim without an answer certainly had not given out a code by a call.

        Its user has had another code ever since.
        """
        for other, tenure in self.of_holder(claim.holder).items():
            for proof in tenure.answer.proofs:
                since = min(proof.began, claim.began)
                if other != code and not tenure.answer.may_end(since, call.ended):
                    return proof.began < call.ended
        return False

    def first_erasure(self, pool: Pool) -> float:
        """Return when the first user asked of those who may be erased."""
        return self._erasable.get(pool, 0.0)

    def _first_erasable(self) -> dict[Pool, float]:
        found: dict[Pool, float] = {}
        for (brand, campaign, user), began in self.asked.items():
            if (brand, user) in self.erasures:
                pool = brand, campaign
                found[pool] = min(began, found.get(pool, inf))
        return found

    def _first_traceless(self) -> defaultdict[Pool, float]:
        found: defaultdict[Pool, float] = defaultdict(lambda: inf)
        lapsing = {brand for brand, _ in self.ends}
        for holder, calls in self.claims.items():
            brand, campaign, user = holder
            if (
                holder in self.releases
                or (brand, user) in self.erasures
                or ((brand, campaign) in self.recycling and brand in lapsing)
            ):
                began = (call.began for call in calls if call.unknown)
                found[brand, campaign] = min(found[brand, campaign], *began, inf)
        return found


def lapse(call: Call) -> Span:
    """Return the interval in which a reservation may lapse by the end that a call sets."""
    end = inf if call.end is None else call.end
    return max(call.began, end - CLOCK_S), inf
