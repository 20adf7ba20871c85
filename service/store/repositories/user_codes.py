"""The codes and redemptions of a user, over all campaigns of a brand.

The unique key of claims, `code_by_user`, finds them.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update

from service.domain.model import Millis, Page, Reservation, State
from service.domain.states import StoredCode
from service.store.dialect import dialect_of
from service.store.repositories.code_moves import STORED, stored_code, stored_values
from service.store.repositories.code_states import EXPIRES_AT, LAPSED, STATE
from service.store.tables import code, redemption
from service.usecases.keys import PoolKey
from service.usecases.ports.store import UserCode
from service.usecases.ports.user_codes import StoredUserCode, UserRedemption

_LIST = f"""
    SELECT code.campaign_id, campaign.name, code.code, {STATE}, code.reserved_at, {EXPIRES_AT},
        code.version
    FROM code JOIN campaign
        ON campaign.brand_id = code.brand_id AND campaign.id = code.campaign_id
    WHERE code.brand_id = :brand_id AND code.user_id = :user AND code.campaign_id > :after
        AND {LAPSED} IS NOT TRUE {{condition}}
    ORDER BY code.campaign_id LIMIT :limit
"""  # noqa: S608 - constants
_LIST_ALL = text(_LIST.format(condition=""))
_LIST_IN_STATE = text(_LIST.format(condition=f"AND {STATE} = :state"))
_COLUMNS = ("campaign_id", "code", "state", *STORED, "version")
_LOCK = (
    select(*(code.c[name] for name in _COLUMNS))
    .where(
        code.c.brand_id == bindparam("brand_id"),
        code.c.user_id.in_(bindparam("users", expanding=True)),
    )
    .order_by(code.c.user_id, code.c.campaign_id)
    .with_for_update()
)
_STORE = text(f"""
    UPDATE code SET state = :state, {", ".join(f"{name} = :{name}" for name in STORED)},
        version = version + 1
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND code = :code
""")  # noqa: S608 - constants
_REDEMPTIONS = """
    SELECT code, reference, redeemed_at FROM redemption {hint}
    WHERE brand_id = :brand_id AND user_id IN :users AND user_id IS NOT NULL
"""


def page_of(
    connection: Connection,
    brand_id: int,
    user: str,
    state: State | None,
    after: int | None,
    limit: int,
    now: Millis,
) -> Page[UserCode]:
    """List the codes that a user holds at a moment, in the order of the campaigns' ids."""
    values = {"brand_id": brand_id, "user": user, "after": after or 0, "now": now}
    values["limit"] = limit + 1
    statement = _LIST_ALL
    if state is not None:
        statement, values["state"] = _LIST_IN_STATE, state.value
    rows = connection.execute(statement, values).all()
    return Page([_as_user_code(row) for row in rows[:limit]], more=len(rows) > limit)


def lock(connection: Connection, brand_id: int, users: Sequence[str]) -> Sequence[StoredUserCode]:
    """Return the codes that are stored as those of some users, whatever their state."""
    values = {"brand_id": brand_id, "users": list(users)}
    found = [_as_stored(brand_id, row) for row in connection.execute(_LOCK, values).mappings()]
    if found:
        dialect_of(connection).await_older_statements(connection)
    return found


def store(connection: Connection, found: StoredUserCode, after: StoredCode, now: Millis) -> None:
    """Replace what is stored of a locked code."""
    values = {**found.pool._asdict(), "code": found.code, **stored_values(after)}
    connection.execute(_STORE, values)
    before = found.counted_as
    if before is not (state := after.stored_state()):
        changes = {before: -1, state: 1}
        dialect_of(connection).adjust_counts(connection, found.pool, changes, now)


def redemptions(
    connection: Connection, brand_id: int, users: Sequence[str]
) -> Sequence[UserRedemption]:
    """Return what some users did with codes."""
    # SQLite would otherwise prefer the primary key, and read all redemptions of the brand.
    hint = dialect_of(connection).index_hint("redemption_by_user")
    statement = text(_REDEMPTIONS.format(hint=hint)).bindparams(bindparam("users", expanding=True))
    values = {"brand_id": brand_id, "users": list(users)}
    return [UserRedemption(*row) for row in connection.execute(statement, values)]


def rename_redeemer(
    connection: Connection, brand_id: int, found: UserRedemption, user: str
) -> None:
    """Replace the user of a redemption."""
    connection.execute(
        update(redemption)
        .where(
            redemption.c.brand_id == brand_id,
            redemption.c.code == found.code,
            redemption.c.reference == found.reference,
        )
        .values(user_id=user)
    )


def _as_user_code(row: Sequence[Any]) -> UserCode:
    campaign_id, campaign, name, state, *rest = row
    return UserCode(campaign_id, campaign, Reservation(name, State(state), *rest))


def _as_stored(brand_id: int, row: Any) -> StoredUserCode:
    pool = PoolKey(brand_id, row["campaign_id"])
    return StoredUserCode(pool, row["code"], State(row["state"]), stored_code(row))
