"""Moving codes: read, decide, move; if somebody else was first, read and decide again."""

from collections.abc import Callable
from typing import TypeVar

from service.domain.errors import InternalError, Unavailable
from service.domain.model import Millis
from service.domain.moves import Cause, is_allowed
from service.domain.redeeming import CodeFacts
from service.usecases import deadlines
from service.usecases.ports.code_moves import CodeMoves, FoundCode, Move

MAX_ATTEMPTS = 20
"""Others win so often in a row only if the code is moved all the time."""
Result = TypeVar("Result")


def repeat_until_done(attempt: Callable[[], Result | None]) -> Result:
    """Return the result of the first attempt that no other call was in the way of.

    Args:
        attempt: Reads, decides and moves; `None` if somebody else was first.

    Raises:
        Unavailable: Somebody else always was.
    """
    for _ in range(MAX_ATTEMPTS):
        result = attempt()
        if result is not None:
            return result
        if deadlines.is_over():
            break
    raise Unavailable


def make_move(moves: CodeMoves, found: FoundCode, move: Move, cause: Cause, now: Millis) -> bool:
    """Move a code as the table of moves allows, and return whether nobody else was first.

    Raises:
        InternalError: The table has no such move.
    """
    before, after = found.state(now), move.after.state(found.rules.ends_at, now)
    if not is_allowed(cause, before, after):
        raise InternalError
    return moves.move_code(found, move, now)


def facts_of(found: FoundCode) -> CodeFacts:
    """Return what is known of a code."""
    return CodeFacts(found.stored, found.rules, found.redemption)
