"""Selections of codes for bulk changes, and which codes a bulk change passes over."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from service.domain.errors import InputError
from service.domain.model import Millis, State
from service.domain.states import DisabledBy


@dataclass(frozen=True, slots=True)
class Selection:
    """Codes of a campaign: those for which all that is given holds, at the moment of the change.

    Args:
        state: Their state.
        created_before: Created before this moment.
        created_after: Created at this moment or later.
        reserved_before: Reserved before this moment.
        reserved_after: Reserved at this moment or later.
    """

    state: State | None = None
    created_before: Millis | None = None
    created_after: Millis | None = None
    reserved_before: Millis | None = None
    reserved_after: Millis | None = None

    def as_object(self) -> Mapping[str, Any]:
        """Return a JSON object for `from_object`, of what is given."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_object(cls, written: Mapping[str, Any]) -> "Selection":
        """Return the selection of an object."""
        state = written.get("state")
        return cls(**{**written, "state": State(state) if state else None})

    def faults(self) -> Iterator[InputError]:
        """Yield what makes it meaningless."""
        if not self.as_object():
            yield InputError("/where", "Must not be empty, or it would be all codes.")
        for name in ("created", "reserved"):
            after, before = getattr(self, f"{name}_after"), getattr(self, f"{name}_before")
            if after is not None and before is not None and after >= before:
                yield InputError(f"/where/{name}_after", f"Must be before {name}_before.")


class FoundForSwitch(NamedTuple):
    """What a bulk change needs to know of a code."""

    code: str
    stored: State
    """Its state without the clock, in which it is counted."""
    disabled_by: DisabledBy | None
    held: bool
    """Whether it has a holder."""

    @property
    def is_final(self) -> bool:
        """Whether it was retired, or its holder erased, so that it stays disabled."""
        return self.disabled_by not in {None, DisabledBy.CALL}

    def state_after(self, *, disabled: bool) -> State | None:
        """Return the state in which it is counted afterwards; `None` if nothing changes."""
        if self.stored is State.REDEEMED or disabled is (self.stored is State.DISABLED):
            return None
        if disabled:
            return State.DISABLED
        if self.is_final:
            return None
        return State.RESERVED if self.held else State.AVAILABLE
