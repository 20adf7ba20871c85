"""Moves of codes on PostgreSQL: each is one statement in one round trip."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from psycopg.errors import UniqueViolation

from service.domain.model import Millis, State
from service.store.postgresql.database import PostgreSQLDatabase
from service.store.postgresql.statements import in_psycopg
from service.store.postgresql.tally import fold_now_and_then
from service.store.repositories import code_moves
from service.usecases.ports.code_moves import FoundCode, Move

_FIND = in_psycopg(code_moves.FIND)
_FIND_OF_USER = in_psycopg(code_moves.FIND_OF_USER)
_ABSENT = """ AND NOT EXISTS (
    SELECT FROM code AS other WHERE other.brand_id = :brand_id
    AND other.campaign_id = :campaign_id AND other.user_id = ANY(:absent)
)"""
_COUNT = """, counted AS (
    INSERT INTO tally (brand_id, campaign_id, {before}, {after}, touched_at)
    SELECT brand_id, campaign_id, -1, 1, CAST(:now AS BIGINT) FROM moved
)"""
_REDEEM = """, redeemed AS (
    INSERT INTO redemption (brand_id, code, reference, user_id, redeemed_at, undone_at)
    SELECT brand_id, code, :reference, CAST(:by_user AS TEXT), CAST(:of_redeemed_at AS BIGINT),
        CAST(:undone_at AS BIGINT)
    FROM moved
)"""
_UNDO = """, undone AS (
    UPDATE redemption SET undone_at = :undone_at FROM moved
    WHERE redemption.brand_id = moved.brand_id AND redemption.code = moved.code
        AND redemption.reference = :reference
)"""
_REFUSE = in_psycopg("""
    INSERT INTO redemption (brand_id, code, reference, undone_at)
    VALUES (:brand_id, :code, :reference, :now) ON CONFLICT DO NOTHING RETURNING 1
""")


class PostgreSQLCodeMoves:
    """Implements `usecases.ports.code_moves.CodeMoves`, which documents the methods."""

    def __init__(self, database: PostgreSQLDatabase) -> None:
        self._database = database

    def find_code(self, brand: str, code: str, reference: str | None = None) -> FoundCode:
        values = {"brand": brand, "code": code, "reference": reference}
        return code_moves.found_code(self._database.one(_FIND, values))

    def find_code_of_user(self, brand: str, campaign: str, user: str) -> FoundCode | None:
        values = {"brand": brand, "campaign": campaign, "user": user}
        return code_moves.found_code_of_user(self._database.one(_FIND_OF_USER, values))

    def move_code(self, found: FoundCode, move: Move, now: Millis) -> bool:
        changes = code_moves.change_of_counts(found, move)
        statement = _statement(
            tuple(changes),
            redemption=move.redemption is not None,
            new=code_moves.is_new(found, move),
            absent=bool(move.absent),
        )
        values: dict[str, Any] = code_moves.values_of(found, move, now)
        if move.absent:
            values["absent"] = list(move.absent)
        try:
            moved = self._database.one(statement, values, _wrote) is not None
        except UniqueViolation:
            return False
        if moved and changes:
            fold_now_and_then(self._database, found.pool)
        return moved

    def refuse_reference(self, found: FoundCode, reference: str, now: Millis) -> bool:
        values: Mapping[str, Any] = {
            **found.pool._asdict(),  # as with moves, beside which it is sorted in a batch
            "code": found.code,
            "reference": reference,
            "now": now,
        }
        return self._database.one(_REFUSE, values, _wrote) is not None


def _wrote(_row: tuple[Any, ...]) -> bool:
    return True


@cache
def _statement(changes: tuple[State, ...], *, redemption: bool, new: bool, absent: bool) -> str:
    """Return the statement of a kind of moves."""

    def parts() -> Iterator[str]:
        yield f"WITH moved AS ({code_moves.MOVE}"
        if absent:
            yield _ABSENT
        yield " RETURNING brand_id, campaign_id, code)"
        if redemption:
            yield _REDEEM if new else _UNDO
        if changes:
            before, after = changes
            yield _COUNT.format(before=before.value, after=after.value)
        yield " SELECT 1 FROM moved"

    return in_psycopg("".join(parts()))
