"""Calls on one code, in between which others make theirs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from service.domain.campaigns import Rules
from service.domain.code_changes import CodeChange
from service.domain.model import State
from service.domain.redeeming import Order
from service.domain.states import DisabledBy, StoredCode
from service.store.repositories.store import SQLStore
from service.usecases import code_changes, holds, redemptions, releases
from service.usecases.ports.code_moves import CodeMoves, FoundCode, Move
from tests.store.repositories.adding import NOW, add

CODE, OTHER = "CODE", "OTHER"
POOL = ("brand", "default")
ERASED = "/tombstone"
Act = Callable[["Shop"], Any]


@dataclass
class InterruptedMoves:
    """Moves of codes, before whose next write others do something."""

    moves: CodeMoves
    before_write: list[Callable[[], Any]] = field(default_factory=list)

    def find_code(self, brand: str, code: str, reference: str | None = None) -> FoundCode:
        return self.moves.find_code(brand, code, reference)

    def find_code_of_user(self, brand: str, campaign: str, user: str) -> FoundCode | None:
        return self.moves.find_code_of_user(brand, campaign, user)

    def move_code(self, found: FoundCode, move: Move, now: int) -> bool:
        self._let_others_be_first()
        return self.moves.move_code(found, move, now)

    def refuse_reference(self, found: FoundCode, reference: str, now: int) -> bool:
        self._let_others_be_first()
        return self.moves.refuse_reference(found, reference, now)

    def _let_others_be_first(self) -> None:
        while self.before_write:
            self.before_write.pop()()


@dataclass
class Shop:
    """A code that `u` holds, with another one that is free."""

    store: SQLStore
    moves: CodeMoves
    now: int = NOW

    def begin(self, rules: Rules) -> None:
        add(self.store, CODE)
        self.set_rules(rules)
        self.reserve("u")
        add(self.store, OTHER)

    def set_rules(self, rules: Rules) -> None:
        self.store.write(lambda tx: tx.set_rules(tx.campaign(*POOL), rules), NOW)

    def clock(self) -> int:
        return self.now

    def reserve(self, user: str) -> str:
        return self.store.reserve(*POOL, user, self.now).reservation.code

    def redeem(self, reference: str, user: str = "u", code: str = CODE) -> bool:
        """Return whether the code was redeemed now."""
        order = Order(reference, user)
        return redemptions.redeem(
            self.moves, "brand", code, order, tombstones=tombstones, clock=self.clock
        ).new

    def undo(self, reference: str) -> str:
        return redemptions.undo(self.moves, "brand", CODE, reference, self.clock)

    def hold(self, reference: str, *, take_over: bool = False) -> str:
        order = Order(reference, "u")
        return holds.hold(
            self.moves, "brand", CODE, order, take_over=take_over, clock=self.clock
        ).outcome

    def end_hold(self, reference: str) -> bool:
        return holds.end_hold(self.moves, "brand", CODE, reference, self.clock)

    def release(self, user: str = "u") -> str:
        return releases.release(self.moves, *POOL, user, clock=self.clock)

    def change(self, code: str = CODE, **facts: Any) -> None:
        found = self.moves.find_code("brand", code)
        assert self.moves.move_code(found, Move(replace(found.stored, **facts)), self.now)

    def disable(self) -> State:
        wanted = CodeChange(disabled=True)
        code_changes.change(self.moves, self.store, *POOL, CODE, wanted, self.clock)
        return self.state()

    def lapse(self) -> None:
        """Let the reservation lapse, as the sweeper does."""
        self.change(user=None, reserved_at=None, expires_at=None, on_lapse=StoredCode().on_lapse)

    def erase(self, code: str = CODE) -> None:
        self.change(
            code, user=ERASED, disabled_at=self.now, disabled_by=DisabledBy.ERASURE, hold=None
        )

    def state(self) -> State:
        return self.moves.find_code("brand", CODE).state(self.now)

    def check(self) -> None:
        """Check that counts sum up, and that at most one redemption stands."""
        counts = {state: n for state, n in self.store.campaign(*POOL).counts.items() if n}
        found = [self.moves.find_code("brand", code) for code in (CODE, OTHER)]
        stored = [each.counted_as for each in found]
        assert counts == {state: stored.count(state) for state in stored}
        assert all(each.counted_as is each.stored.stored_state() for each in found)


def tombstones(_brand: str, user: str) -> tuple[str, ...]:
    """Return the tombstone of `u` alone."""
    return (ERASED,) if user == "u" else ()
