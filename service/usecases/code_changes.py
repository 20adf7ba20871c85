"""Changing a code: disabling and enabling it, and moving the end of its reservation."""

from dataclasses import replace

from service.domain.code_changes import CodeChange, change_code
from service.domain.model import State
from service.domain.moves import Cause
from service.usecases.code_lookup import CodeDetails, details_of, find_in_campaign
from service.usecases.moving import make_move, repeat_until_done
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.code_moves import CodeMoves, Move
from service.usecases.ports.store import Store


def change(
    moves: CodeMoves,
    store: Store,
    brand: str,
    campaign: str,
    code: str,
    wanted: CodeChange,
    clock: Clock = system_clock,
) -> CodeDetails:
    """Change a code in one move, and return what it is then; no move if nothing changes.

    Raises:
        BrandNotFound, CampaignNotFound, CodeNotFound: There is no such code.
        CodeRedeemed, Conflict, NotReserved, InvalidRequest: The change is refused.
    """

    def attempt() -> CodeDetails | None:
        found, now = find_in_campaign(moves, store, brand, campaign, code), clock()
        after = change_code(found.stored, wanted, now)
        if after == found.stored:
            return details_of(found, now)
        cause = _cause_of(wanted, after.state(found.rules.ends_at, now))
        if not make_move(moves, found, Move(after), cause, now):
            return None
        moved = replace(after, version=found.stored.version + 1)
        return details_of(found._replace(stored=moved), now)

    return repeat_until_done(attempt)


def _cause_of(wanted: CodeChange, after: State) -> Cause:
    if wanted.disabled is not None:
        return Cause.DISABLING if wanted.disabled else Cause.ENABLING
    ends_now = {State.EXPIRED: Cause.END, State.AVAILABLE: Cause.LAPSE}
    return ends_now.get(after, Cause.LATER_END)
