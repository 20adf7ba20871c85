"""Moves of codes: the columns and statements that both engines share.

Calls use the drivers, as reservations do: SQLAlchemy would be most of the cost of a statement.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from service.domain.campaigns import OnLapse
from service.domain.erasure import is_tombstone
from service.domain.errors import BrandNotFound, CampaignNotFound, CodeNotFound
from service.domain.model import Millis, State
from service.domain.redemptions import Redemption
from service.domain.states import DisabledBy, Hold, StoredCode
from service.store.repositories.campaign_rules import RULES, rules_of
from service.usecases.keys import PoolKey
from service.usecases.ports.code_moves import FoundCode, Move

STORED = (
    "user_id",
    "reserved_at",
    "expires_at",
    "on_lapse",
    "redeemed_at",
    "disabled_at",
    "disabled_by",
    "hold_reference",
    "held_from",
    "held_until",
)
"""The columns of what is stored of a code, besides its state and version."""
_CODE = ("brand_id", "campaign_id", "code", "created_at", "state", *STORED, "version")
_REDEMPTION = ("reference", "user_id", "redeemed_at", "undone_at")
_SELECT = ", ".join(
    (
        *(f"code.{name}" for name in _CODE),
        "campaign.name",
        "campaign.version",
        *(f"campaign.{name}" for name in RULES),
        "brand.code_key",
    )
)
FIND = f"""
    SELECT {_SELECT}, {", ".join(f"redemption.{name}" for name in _REDEMPTION)} FROM brand
    LEFT JOIN code ON code.brand_id = brand.id AND code.code = :code
    LEFT JOIN campaign ON campaign.brand_id = code.brand_id AND campaign.id = code.campaign_id
    LEFT JOIN redemption ON redemption.brand_id = code.brand_id
        AND redemption.code = code.code AND redemption.reference = :reference
    WHERE brand.name = :brand
"""  # noqa: S608 - constants
"""A code of a brand, with its campaign, and what a reference did with it."""
FIND_OF_USER = f"""
    SELECT {_SELECT}, NULL, NULL, NULL, NULL, campaign.id FROM brand
    LEFT JOIN campaign ON campaign.brand_id = brand.id AND campaign.name = :campaign
    LEFT JOIN code ON code.brand_id = campaign.brand_id AND code.campaign_id = campaign.id
        AND code.user_id = :user
    WHERE brand.name = :brand
"""  # noqa: S608 - constants
"""The code of a campaign that is stored as a user's, and the campaign's id."""
MOVE = f"""
    UPDATE code SET state = :state, {", ".join(f"{name} = :{name}" for name in STORED)},
        version = version + 1
    WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND code = :code
        AND version = :version AND EXISTS (
            SELECT 1 FROM campaign
            WHERE brand_id = :brand_id AND id = :campaign_id AND version = :rules_version
        )
"""  # noqa: S608 - constants
"""Changes a code if neither it nor the rules have changed since they were read."""


def found_code(row: Sequence[Any] | None) -> FoundCode:
    """Return the code of a row of `FIND`.

    Raises:
        BrandNotFound, CodeNotFound: There is none.
    """
    if row is None:
        raise BrandNotFound
    if row[0] is None:
        raise CodeNotFound
    return _found(row)


def found_code_of_user(row: Sequence[Any] | None) -> FoundCode | None:
    """Return the code of a row of `FIND_OF_USER`, if there is one.

    Raises:
        BrandNotFound, CampaignNotFound: There is no such campaign.
    """
    if row is None:
        raise BrandNotFound
    if row[-1] is None:
        raise CampaignNotFound
    return None if row[0] is None else _found(row[:-1])


def values_of(found: FoundCode, move: Move, now: Millis) -> dict[str, Any]:
    """Return the parameters of a move's statements."""
    after, redemption = move.after, move.redemption
    return {
        **found.pool._asdict(),
        "code": found.code,
        "version": found.stored.version,
        "rules_version": found.rules_version,
        **stored_values(after),
        "now": now,
        **_values_of_redemption(redemption),
    }


def stored_values(after: StoredCode) -> dict[str, Any]:
    """Return the parameters of the state and of the columns `STORED`."""
    hold = after.hold
    return {
        "state": after.stored_state().value,
        "user_id": after.user,
        "reserved_at": after.reserved_at,
        "expires_at": after.expires_at,
        "on_lapse": after.on_lapse.value if after.on_lapse is OnLapse.RECYCLE else None,
        "redeemed_at": after.redeemed_at,
        "disabled_at": after.disabled_at,
        "disabled_by": after.disabled_by.value if after.disabled_by else None,
        "hold_reference": hold.reference if hold else None,
        "held_from": hold.began_at if hold else None,
        "held_until": hold.until if hold else None,
    }


def is_new(found: FoundCode, move: Move) -> bool:
    """Return whether a move's redemption is the first act of its reference."""
    return move.redemption is not None and found.redemption is None


def change_of_counts(found: FoundCode, move: Move) -> Mapping[State, int]:
    """Return how a move changes the number of codes in each state."""
    before, after = found.counted_as, move.after.stored_state()
    return {} if before is after else {before: -1, after: 1}


def _found(row: Sequence[Any]) -> FoundCode:
    """Return the code of a row; its columns are those of `FIND`."""
    code = dict(zip(_CODE, row, strict=False))
    name, version, *rules, key = row[len(_CODE) : len(_CODE) + 2 + len(RULES) + 1]
    reference, *of_reference = row[-len(_REDEMPTION) :]
    return FoundCode(
        PoolKey(code["brand_id"], code["campaign_id"]),
        name,
        code["code"],
        code["created_at"],
        State(code["state"]),
        stored_code(code),
        rules_of(dict(zip(RULES, rules, strict=True))),
        version,
        None if reference is None else _redemption(reference, *of_reference),
        key,
    )


def _redemption(
    reference: str, user: str | None, redeemed_at: Millis | None, undone_at: Millis | None
) -> Redemption:
    """Return a redemption, without the tombstone of a user who was erased."""
    shown = None if user and is_tombstone(user) else user
    return Redemption(reference, shown, redeemed_at, undone_at)


def stored_code(code: Mapping[str, Any]) -> StoredCode:
    """Return what is stored of a code, by the names of the columns."""
    reference, by = code["hold_reference"], code["disabled_by"]
    return StoredCode(
        code["user_id"],
        code["reserved_at"],
        code["expires_at"],
        OnLapse(code["on_lapse"] or OnLapse.EXPIRE),
        code["redeemed_at"],
        code["disabled_at"],
        DisabledBy(by) if by else None,
        Hold(reference, code["held_from"], code["held_until"]) if reference else None,
        code["version"],
    )


def _values_of_redemption(redemption: Redemption | None) -> Mapping[str, Any]:
    if redemption is None:
        return {}
    return {
        "reference": redemption.reference,
        "by_user": redemption.user,
        "of_redeemed_at": redemption.redeemed_at,
        "undone_at": redemption.undone_at,
    }
