"""Codes in memory, for tests of what moves them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from service.domain.campaigns import Rules
from service.domain.errors import CodeNotFound
from service.domain.model import State
from service.domain.redemptions import Redemption
from service.domain.states import StoredCode
from service.usecases.keys import PoolKey
from service.usecases.ports.code_moves import FoundCode

NOW = 1_000_000_000


@dataclass
class MemoryMoves:
    """Implements `usecases.ports.code_moves.CodeMoves` for one campaign."""

    rules: Rules = field(default_factory=Rules)
    rules_version: int = 1
    codes: dict[str, StoredCode] = field(default_factory=dict)
    redemptions: dict[tuple[str, str], Redemption] = field(default_factory=dict)
    now: int = NOW
    before_write: list[Callable[[], object]] = field(default_factory=list)
    """What others do between a read and the next write, each once."""
    moved: list[tuple[State, State]] = field(default_factory=list)
    """The states before and after each move."""

    def clock(self):
        return self.now

    def counts(self):
        return Counter(stored.stored_state() for stored in self.codes.values())

    def find_code(self, _brand, code, reference=None):
        if code not in self.codes:
            raise CodeNotFound
        return self._found(code, reference)

    def find_code_of_user(self, _brand, _campaign, user):
        held = [code for code, stored in self.codes.items() if stored.user == user]
        return self._found(held[0]) if held else None

    def move_code(self, found, move, now):
        self._let_others_be_first()
        if self._found(found.code)[5:8] != found[5:8] or not self._is_unused(found, move):
            return False
        if any(
            stored.user in {move.after.user, *move.absent} - {None} and code != found.code
            for code, stored in self.codes.items()
        ):
            return False
        after = replace(move.after, version=found.stored.version + 1)
        self.moved.append((found.state(now), after.state(self.rules.ends_at, now)))
        self.codes[found.code] = after
        if move.redemption:
            self.redemptions[found.code, move.redemption.reference] = move.redemption
        return True

    def refuse_reference(self, found, reference, now):
        self._let_others_be_first()
        if (found.code, reference) in self.redemptions:
            return False
        self.redemptions[found.code, reference] = Redemption(reference, None, None, now)
        return True

    def _let_others_be_first(self):
        others, self.before_write = self.before_write, []
        for act in others:
            act()

    def _is_unused(self, found, move):
        if move.redemption is None or found.redemption is not None:
            return True
        return (found.code, move.redemption.reference) not in self.redemptions

    def _found(self, code, reference=None):
        stored = self.codes[code]
        return FoundCode(
            PoolKey(1, 1),
            "default",
            code,
            0,
            stored.stored_state(),
            stored,
            self.rules,
            self.rules_version,
            self.redemptions.get((code, reference)) if reference else None,
        )
