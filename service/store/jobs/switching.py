"""Bulk disabling and enabling of codes, in the transaction of a job's chunk."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from service.domain.code_selection import FoundForSwitch, Selection
from service.domain.model import Millis, State
from service.domain.states import DisabledBy
from service.store.dialect import dialect_of
from service.store.repositories.code_states import LAPSED, RESERVED_AT, STATE
from service.usecases.keys import PoolKey

_CONDITIONS: Mapping[str, str] = {
    "state": f"{STATE} = :state",
    "created_before": "code.created_at < :created_before",
    "created_after": "code.created_at >= :created_after",
    "reserved_before": f"{RESERVED_AT} < :reserved_before",
    "reserved_after": f"{RESERVED_AT} >= :reserved_after",
}
"""The condition of each member of a selection."""
# Locked in their order, so that two jobs never wait for each other. The sign before a column keeps
# SQLite from reading all codes of the campaign instead of those that are given.
_LOCK = """
    SELECT code.code, code.state, code.disabled_by, code.user_id IS NOT NULL
    FROM code JOIN campaign ON campaign.brand_id = code.brand_id AND campaign.id = code.campaign_id
    WHERE code.brand_id = :brand_id AND +code.campaign_id = :campaign_id
        AND code.code {any_of} AND {conditions}
    ORDER BY code.code {lock}
"""
# A lapsed code is nobody's, so that it is not its former holder's when it is disabled.
_OF_HOLDER = (
    *("user_id", "reserved_at", "expires_at", "on_lapse"),
    *("hold_reference", "held_from", "held_until"),
)
_KEPT = ", ".join(f"{name} = CASE WHEN {LAPSED} THEN NULL ELSE {name} END" for name in _OF_HOLDER)
_GIVEN = """
    WHERE brand_id = :brand_id AND +campaign_id = :campaign_id AND code {any_of}
"""
_DISABLE = f"""
    UPDATE code SET state = '{State.DISABLED}', disabled_at = :now,
        disabled_by = '{DisabledBy.CALL}', version = version + 1, {_KEPT} {_GIVEN}
"""  # noqa: S608 - constants
_ENABLE = f"""
    UPDATE code SET state = CASE
            WHEN user_id IS NULL THEN '{State.AVAILABLE}' ELSE '{State.RESERVED}' END,
        disabled_at = NULL, disabled_by = NULL, version = version + 1 {_GIVEN}
"""  # noqa: S608 - constants


def codes_after(connection: Connection, pool: PoolKey, after: str, limit: int) -> Sequence[str]:
    """Return a campaign's next codes, at most `limit`, in the order of the engine."""
    dialect = dialect_of(connection)
    values = {**pool._asdict(), "after": after, "most": limit}
    return dialect.first_column(connection, dialect.scan_codes, values)


def lock_codes(
    connection: Connection,
    pool: PoolKey,
    codes: Sequence[str],
    selection: Selection | None,
    now: Millis,
) -> Sequence[FoundForSwitch]:
    """Return those of some codes that a campaign has and a selection names, and lock them."""
    dialect, chosen = dialect_of(connection), selection.as_object() if selection else {}
    statement = _LOCK.format(
        any_of=dialect.any_of("codes"),
        conditions=" AND ".join(["TRUE", *(_CONDITIONS[name] for name in chosen)]),
        lock=dialect.lock_rows,
    )
    values = {**_values(pool, codes, now), **chosen}
    return [
        FoundForSwitch(code, State(state), DisabledBy(by) if by else None, bool(held))
        for code, state, by, held in connection.execute(text(statement), values)
    ]


def switch_codes(
    connection: Connection, pool: PoolKey, codes: Sequence[str], now: Millis, *, disabled: bool
) -> None:
    """Disable codes that are enabled, or the other way round."""
    statement = statement_of(connection, disabled=disabled)
    connection.execute(text(statement), _values(pool, codes, now))


def statement_of(connection: Connection, *, disabled: bool) -> str:
    """Return the statement that disables or enables given codes."""
    any_of = dialect_of(connection).any_of("codes")
    return (_DISABLE if disabled else _ENABLE).format(any_of=any_of)


def _values(pool: PoolKey, codes: Sequence[str], now: Millis) -> dict[str, Any]:
    return {**pool._asdict(), "codes": json.dumps(codes), "now": now}
