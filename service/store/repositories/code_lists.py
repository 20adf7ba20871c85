"""Lists of a campaign's codes by the state that they have now.

Stored is the state without the clock, and an index for each. What the clock has changed since is a
range of another index, so that a list is one range, or a few, which are merged.
"""

import heapq
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, column, select, text

from service.domain.campaigns import OnLapse
from service.domain.model import Code, Millis, State
from service.store.dialect import dialect_of
from service.store.repositories.code_states import EXPIRES_AT, RESERVED_AT, STATE
from service.store.repositories.lapses import DUE
from service.store.tables import campaign
from service.usecases.keys import PoolKey


class CodeIndex(Enum):
    """An index of a campaign's codes."""

    ALL = "all"
    FREE = "free"
    TAKEN = "taken"
    DUE = "due"


class Range(NamedTuple):
    """A range of an index, in the order of the list."""

    source: CodeIndex
    condition: str = ""
    """Says which rows of it."""


def _taken(state: State, condition: str = "") -> Range:
    """Return the codes in a stored state; the second condition names the partial index."""
    return Range(CodeIndex.TAKEN, f"state = '{state}' AND state <> '{State.AVAILABLE}'{condition}")


# The row that something else makes of another comes first: whoever changes it in between shows it
# twice, and not never; `merged` shows it once.
_FREE = Range(CodeIndex.FREE, f"state = '{State.AVAILABLE}'")
_NOT_HELD = "coalesce(held_until, 0) <= :now"
_STANDING = _taken(
    State.RESERVED, " AND (expires_at IS NULL OR expires_at > :now OR held_until > :now)"
)
_RUNNING = {
    State.AVAILABLE: [Range(CodeIndex.DUE, f"{DUE} AND on_lapse = '{OnLapse.RECYCLE}'"), _FREE],
    State.RESERVED: [_STANDING],
    State.EXPIRED: [Range(CodeIndex.DUE, f"{DUE} AND on_lapse IS NULL"), _taken(State.EXPIRED)],
}
_ENDED = {
    State.AVAILABLE: [],
    State.RESERVED: [_taken(State.RESERVED, " AND held_until > :now")],
    State.EXPIRED: [
        _taken(State.RESERVED, f" AND {_NOT_HELD}"),
        _taken(State.EXPIRED),
        _FREE,
    ],
}
_ANY_DUE = f"SELECT 1 FROM {{code}} WHERE {DUE} LIMIT 1"  # noqa: S608 - constants

# The end is a parameter, because a list is of one campaign.
_ENDS_AT = "CAST(:ends_at AS BIGINT)"
_COLUMNS = [
    text(f"{sql.replace('campaign.ends_at', _ENDS_AT)} AS {name}")
    for name, sql in (
        ("code", "code.code"),
        ("state", STATE),
        ("created_at", "code.created_at"),
        ("reserved_at", RESERVED_AT),
        ("expires_at", EXPIRES_AT),
        ("redeemed_at", "code.redeemed_at"),
        ("version", "code.version"),
    )
]
_place = itemgetter(-1)


class CodeList(NamedTuple):
    """The codes of a campaign in a state, now."""

    pool: PoolKey
    ranges: Sequence[Range]
    values: dict[str, Any]
    """The parameters of its statements."""

    def select(self, connection: Connection) -> list[Select[Any]]:
        """Return the selects of its ranges; the last column is the place in the list."""
        dialect = dialect_of(connection)
        return [dialect.codes_in(self.pool, each) for each in self.ranges]


def code_list(connection: Connection, pool: PoolKey, state: State | None, now: Millis) -> CodeList:
    """Return the codes of a campaign in a state (`None`: all)."""
    own = (campaign.c.brand_id == pool.brand_id) & (campaign.c.id == pool.campaign_id)
    ends_at = connection.execute(select(campaign.c.ends_at).where(own)).scalar_one()
    values = {**pool._asdict(), "now": now, "ends_at": ends_at}
    if state is None:
        return CodeList(pool, [Range(CodeIndex.ALL)], values)
    if ends_at is not None and ends_at <= now:
        return CodeList(pool, _ENDED.get(state) or _others(state), values)
    ranges = _RUNNING.get(state) or [_taken(state)]
    if len(ranges) > 1 and not _any_due(connection, values):
        ranges = ranges[1:]  # as nearly always
    return CodeList(pool, ranges, values)


def _others(state: State) -> list[Range]:
    return [] if state is State.AVAILABLE else [_taken(state)]


def _any_due(connection: Connection, values: dict[str, Any]) -> bool:
    statement = text(_ANY_DUE.format(code=dialect_of(connection).due_codes))
    return connection.execute(statement, values).first() is not None


def select_codes(pool: PoolKey, of: Range, source: str, order: str) -> Select[Any]:
    """Return a select of a range of a campaign's codes from a source, with their places."""
    statement = (
        select(*_COLUMNS, column(order).label("place"))
        .select_from(text(source))
        .where(column("brand_id") == pool.brand_id, column("campaign_id") == pool.campaign_id)
        .order_by(column(order))
    )
    return statement.where(text(of.condition)) if of.condition else statement


def merged(ranges: Sequence[Iterator[Sequence[Any]]]) -> Iterator[Sequence[Any]]:
    """Merge the rows of ranges by their places, each row once."""
    if len(ranges) == 1:
        return ranges[0]
    rows = heapq.merge(*ranges, key=_place)
    return (next(same) for _, same in groupby(rows, key=_place))


def as_code(row: Sequence[Any]) -> Code:
    """Return the code of a row."""
    code, state, *rest = row[:-1]
    return Code(code, State(state), *rest)
