"""Concurrent clients of a model, simulated: a history without processes, in no time.

Each call has a beginning, an effect and an end at random times. Some answers are lost, and the
effects of those calls come later, or never.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from math import inf
from random import Random

from tests.tools.history.history import Call, CallFailure, History, Kind, RedemptionRow, Row
from tests.tools.model.answers import answer
from tests.tools.model.checkout import Model
from tests.tools.model.stored import Code

BRAND = "brand1"
USERS = [f"user{number}" for number in range(4)]
CODES = 6
REFERENCES = 3
LOST = 0.06
"""The share of calls without an answer."""
TTL_S = 3
"""Short, so that holds end during a simulation."""
WORK: Mapping[Kind, float] = {
    Kind.PUT: 14,
    Kind.SHOW: 6,
    Kind.WALLET: 2,
    Kind.LOOK: 10,
    Kind.LIST: 2,
    Kind.COUNTS: 3,
    Kind.HOLD: 8,
    Kind.UNHOLD: 6,
    Kind.REDEEM: 16,
    Kind.REDEMPTION: 6,
    Kind.UNDO: 8,
    Kind.PATCH: 7,
    Kind.RELEASE: 5,
    Kind.ERASE: 0.3,
}
LAPSING: Mapping[Kind, float] = {
    Kind.PUT: 3,
    Kind.SHOW: 12,
    Kind.LOOK: 8,
    Kind.PATCH: 12,
    Kind.REDEEM: 1,
}
"""Calls with many ends of reservations, of which few are redeemed or renewed."""


class Simulation:
    """Clients that call a model, all at once.

    Args:
        model: The service.
        seed: All chances follow from it.
        rules: The rules of the campaign, empty for those of a new one.
        work: How often each kind of call is made, in proportion.
    """

    def __init__(
        self, model: Model, seed: str, rules: str, work: Mapping[Kind, float] = WORK
    ) -> None:
        self._work = work
        self._model = model
        self._chance = Random(seed)  # noqa: S311 - a simulation
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = count()
        self._calls: list[Call] = []
        self._orders = count()
        self._rules = rules
        self._open = True

    def run(self, seconds: float, clients: int = 6) -> History:
        """Let the clients call for so many simulated seconds, and return the history."""
        opening = [Call("first", Kind.ADD, BRAND, 0.0, 0.0, count=CODES)]
        if self._rules:
            opening.insert(0, Call("first", Kind.RULES, BRAND, 0.0, 0.0, rules=self._rules))
        for number, call in enumerate(opening):
            self._at(number, self._begin(call, 0.5, lost=False))
        for number in range(clients):
            self._at(2 + number / 10, self._next(f"client{number}", 2 + seconds))
        while self._events:
            moment, _, event = heapq.heappop(self._events)
            self._model.now = round(moment * 1000)
            event(moment)
        return self._history()

    def _at(self, moment: float, event: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), event))

    def _next(self, client: str, until: float) -> Callable[[float], None]:
        """Return the event that a client makes its next call, and plans the one after it."""

        def event(moment: float) -> None:
            if moment < until:
                duration = self._chance.expovariate(10)
                call = self._choose(client, moment)
                self._begin(call, duration, lost=self._chance.random() < LOST)(moment)
                pause = self._chance.expovariate(5)
                self._at(moment + duration + pause, self._next(client, until))

        return event

    def _begin(self, call: Call, duration: float, *, lost: bool) -> Callable[[float], None]:
        def event(moment: float) -> None:
            ended = moment + duration
            if not lost:
                effect = self._chance.uniform(moment, ended)
                self._at(effect, lambda _: self._answer(call, moment, ended))
                return
            self._calls.append(replace(call, began=moment, ended=ended, failure=CallFailure.CUT))
            if self._chance.random() < 0.6:
                late = moment + self._chance.expovariate(1)
                self._at(late, lambda _: self._take_effect(call))

        return event

    def _answer(self, call: Call, began: float, ended: float) -> None:
        self._calls.append(replace(answer(self._model, call), began=began, ended=ended))

    def _take_effect(self, call: Call) -> None:
        answer(self._model, call)

    def _choose(self, client: str, moment: float) -> Call:
        chance = self._chance
        kind = chance.choices([*self._work], [*self._work.values()])[0]
        code = f"CODE-{chance.randrange(CODES)}"
        user = chance.choice(USERS)
        if kind in {Kind.REDEEM, Kind.HOLD} and chance.random() < 0.8:
            user = self._holder(code) or user
        if kind in {Kind.PUT, Kind.SHOW, Kind.RELEASE, Kind.WALLET, Kind.ERASE}:
            return Call(client, kind, BRAND, 0.0, 0.0, user=user)
        call = Call(client, kind, BRAND, 0.0, 0.0, code=code)
        if kind is Kind.PATCH:
            return self._patch(call, moment)
        if kind in {Kind.LOOK, Kind.LIST, Kind.COUNTS}:
            return call
        reference = f"{code}-{chance.randrange(next(self._orders) // 10 + REFERENCES)}"
        ttl_s, over = (TTL_S, chance.random() < 0.1) if kind is Kind.HOLD else (0, False)
        return replace(call, user=user, reference=reference, ttl_s=ttl_s, take_over=over)

    def _holder(self, code: str) -> str | None:
        found = next(each for each in self._model.codes_of(BRAND) if each.code == code)
        return found.user if found.user in USERS else None

    def _patch(self, call: Call, moment: float) -> Call:
        if self._chance.random() < 0.4:
            return replace(call, disabled=self._chance.random() < 0.5)
        soon = moment + self._chance.uniform(0.3, 3)
        return replace(call, end=inf if self._chance.random() < 0.3 else soon)

    def _history(self) -> History:
        codes = self._model.codes_of(BRAND)
        rows = [Row(BRAND, "default", code.code, _stored(code), code.user, 0) for code in codes]
        redemptions = [
            RedemptionRow(BRAND, code.code, reference, found.user, found.undone_at is not None)
            for code in codes
            for reference, found in code.references.items()
        ]
        return History(self._calls, rows, frozenset({BRAND}), redemptions)


def _stored(code: Code) -> str:
    """Return the state of a code without the clock."""
    if code.redeemed_by is not None:
        return "redeemed"
    if code.disabled_by is not None:
        return "disabled"
    return "available" if code.user is None else "reserved"
