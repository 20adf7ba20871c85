"""Moves of codes on SQLite: a read finds a code; moves share transactions."""

from collections.abc import Mapping
from sqlite3 import IntegrityError
from typing import Any

import orjson
from sqlalchemy import Connection

from service.domain.model import Millis
from service.store.repositories import code_moves
from service.store.sqlite.connections import driver_of
from service.store.sqlite.database import SQLiteDatabase
from service.usecases.ports.code_moves import FoundCode, Move

_ABSENT = """ AND NOT EXISTS (
    SELECT 1 FROM code AS other WHERE other.brand_id = :brand_id
    AND other.campaign_id = :campaign_id
    AND other.user_id IN (SELECT value FROM json_each(:absent))
)"""
_UNUSED = """ AND NOT EXISTS (
    SELECT 1 FROM redemption
    WHERE brand_id = :brand_id AND code = :code AND reference = :reference
)"""
_REDEEM = """
    INSERT INTO redemption (brand_id, code, reference, user_id, redeemed_at, undone_at)
    VALUES (:brand_id, :code, :reference, :by_user, :of_redeemed_at, :undone_at)
"""
_UNDO = """
    UPDATE redemption SET undone_at = :undone_at
    WHERE brand_id = :brand_id AND code = :code AND reference = :reference
"""
_REFUSE = """
    INSERT INTO redemption (brand_id, code, reference, undone_at)
    VALUES (:brand_id, :code, :reference, :now) ON CONFLICT DO NOTHING
"""
_COUNT = """
    UPDATE tally SET {before} = {before} - 1, {after} = {after} + 1, touched_at = :now
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id
"""


class SQLiteCodeMoves:
    """Implements `usecases.ports.code_moves.CodeMoves`, which documents the methods."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    def find_code(self, brand: str, code: str, reference: str | None = None) -> FoundCode:
        values = {"brand": brand, "code": code, "reference": reference}
        return code_moves.found_code(self._database.row(code_moves.FIND, values))

    def find_code_of_user(self, brand: str, campaign: str, user: str) -> FoundCode | None:
        values = {"brand": brand, "campaign": campaign, "user": user}
        return code_moves.found_code_of_user(self._database.row(code_moves.FIND_OF_USER, values))

    def move_code(self, found: FoundCode, move: Move, now: Millis) -> bool:
        return self._database.write(lambda connection: _move(connection, found, move, now))

    def refuse_reference(self, found: FoundCode, reference: str, now: Millis) -> bool:
        values = {"code": found.code, "reference": reference, "now": now}
        values["brand_id"] = found.pool.brand_id

        def refuse(connection: Connection) -> bool:
            return driver_of(connection).execute(_REFUSE, values).rowcount == 1

        return self._database.write(refuse)


def _move(connection: Connection, found: FoundCode, move: Move, now: Millis) -> bool:
    """Move a code; whatever stands against it stands in the condition, as nobody else writes."""
    execute = driver_of(connection).execute
    values: Mapping[str, Any] = {
        **code_moves.values_of(found, move, now),
        "absent": orjson.dumps(move.absent).decode(),
    }
    new = code_moves.is_new(found, move)
    condition = (_UNUSED if new else "") + (_ABSENT if move.absent else "")
    try:
        if not execute(code_moves.MOVE + condition, values).rowcount:
            return False
    except IntegrityError as error:
        if error.sqlite_errorname != "SQLITE_CONSTRAINT_UNIQUE":
            raise
        return False  # the new holder has another code
    if move.redemption:
        execute(_REDEEM if new else _UNDO, values)
    if changes := code_moves.change_of_counts(found, move):
        before, after = changes
        execute(_COUNT.format(before=before.value, after=after.value), values)
    return True
