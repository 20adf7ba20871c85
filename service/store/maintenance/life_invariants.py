"""Invariants of the life of codes: facts and states, holds, redemptions, tombstones, and rules.

They are in the form of `invariants.py`, which says how an index is avoided.
"""

from service.domain.campaigns import OnLapse, OnRelease, RedeemBy
from service.domain.erasure import MARK
from service.domain.model import State
from service.domain.states import DisabledBy
from service.store.maintenance.row_checks import CLOCK_SKEW, NO_MOMENT, by_brand, rows

_SKEWED = f"{{}} < {{}} - {CLOCK_SKEW}"
_REASONS = ", ".join(f"'{each}'" for each in DisabledBy)
# Only the sweeper writes `expired`: where a reservation that does not go back has ended.
_STORED = f"""CASE
    WHEN redeemed_at IS NOT NULL THEN '{State.REDEEMED}'
    WHEN disabled_at IS NOT NULL THEN '{State.DISABLED}'
    WHEN user_id IS NULL THEN '{State.AVAILABLE}'
    WHEN state || '' = '{State.EXPIRED}' AND expires_at IS NOT NULL AND on_lapse IS NULL
        THEN '{State.EXPIRED}'
    ELSE '{State.RESERVED}' END"""
_HOLD_IN_PART = """
    (hold_reference IS NULL) <> (held_from IS NULL)
    OR (hold_reference IS NULL) <> (held_until IS NULL)
    OR hold_reference IS NOT NULL AND user_id IS NULL
"""
_BURIED = f"substr(coalesce(user_id, ''), 1, 1) = '{MARK}'"
_STANDS = "coalesce(undone_at, 0) = 0"
_REDEEMED = "SELECT brand_id, code, user_id FROM code WHERE redeemed_at IS NOT NULL"
_REDEMPTIONS = f"SELECT brand_id, code, user_id FROM redemption WHERE {_STANDS}"  # noqa: S608
_TWICE = f"""
    SELECT brand_id, NULL, count(*) FROM (
        SELECT min(brand_id) AS brand_id FROM redemption WHERE {_STANDS}
        GROUP BY brand_id + 0, code || '' HAVING count(*) > 1
    ) AS twice GROUP BY brand_id
"""  # noqa: S608 - constants
_TIMES = " OR ".join(
    f"{name} IS NOT NULL AND {NO_MOMENT.format(name)}"
    for name in ("expires_at", "redeemed_at", "disabled_at", "held_from", "held_until")
)


def _known(column: str, words: type) -> str:
    return f"coalesce({column}, '') NOT IN ({', '.join(repr(str(word)) for word in words)})"  # type: ignore[attr-defined]


_RULES = " OR ".join(
    (
        _known("on_lapse", OnLapse),
        _known("on_release", OnRelease),
        _known("redeem_by", RedeemBy),
        f"redeem_by = '{RedeemBy.ANYONE}' AND '{OnLapse.RECYCLE}' IN (on_lapse, on_release)",
        "reservation_ttl_s NOT BETWEEN 60 AND 31536000",
        "claims_from >= ends_at",
        "starts_at >= ends_at",
        "version < 0",
        *(
            f"{name} IS NOT NULL AND {NO_MOMENT.format(name)}"
            for name in ("claims_from", "starts_at", "ends_at")
        ),
    )
)

INVARIANTS = (
    (
        "state-stored",
        "the stored state of a code is what its facts say",
        rows("code", f"coalesce(state, '') <> {_STORED}"),
    ),
    (
        "disabled-why",
        "a code has a known reason if, and only if, it is disabled",
        rows(
            "code",
            "(disabled_at IS NULL) <> (disabled_by IS NULL)"
            f" OR disabled_by || '' NOT IN ({_REASONS})",
        ),
    ),
    ("hold-whole", "a hold is complete, and of a code with a holder", rows("code", _HOLD_IN_PART)),
    (
        "own-end",
        "only a reservation has an end of its own, and a known rule for it",
        rows(
            "code",
            "user_id IS NULL AND (expires_at IS NOT NULL OR on_lapse IS NOT NULL)"
            f" OR on_lapse || '' <> '{OnLapse.RECYCLE}'",
        ),
    ),
    (
        "tombstone-why",
        "a tombstone holds a code if, and only if, an erasure disabled it",
        rows("code", f"({_BURIED}) <> (coalesce(disabled_by, '') = '{DisabledBy.ERASURE}')"),
    ),
    ("code-version", "no code has a negative version", rows("code", "version < 0")),
    (
        "life-time",
        "the times of a code are valid, and in order",
        rows(
            "code",
            f"{_TIMES} OR held_until <= held_from"
            f" OR {_SKEWED.format('redeemed_at', 'reserved_at')}",
        ),
    ),
    (
        "redeemed-once",
        "no code is redeemed by two references at a time",
        _TWICE,
    ),
    (
        "redeemed-redemption",
        "each redeemed code has a redemption by its holder",
        by_brand(f"{_REDEEMED} AND coalesce(created_at, 0) IS NOT NULL EXCEPT {_REDEMPTIONS}"),
    ),
    (
        "redemption-redeemed",
        "each redemption that was not undone is of a redeemed code, by its holder",
        by_brand(f"{_REDEMPTIONS} EXCEPT {_REDEEMED} AND coalesce(created_at, 0) IS NOT NULL"),
    ),
    (
        "redemption-code",
        "the code of each redemption exists",
        by_brand(
            "SELECT brand_id, code FROM redemption WHERE coalesce(undone_at, 0) IS NOT NULL"
            " EXCEPT SELECT brand_id, code FROM code WHERE coalesce(created_at, 0) IS NOT NULL"
        ),
    ),
    (
        "redemption-form",
        "each redemption names its reference, its user, and when it was made or undone",
        rows(
            "redemption",
            "NOT {legal_reference} OR (user_id IS NULL) <> (redeemed_at IS NULL)"
            " OR user_id || '' IS NOT NULL AND NOT {legal_user} AND NOT ({tombstone})"
            " OR redeemed_at IS NULL AND undone_at IS NULL"
            f" OR redeemed_at IS NOT NULL AND {NO_MOMENT.format('redeemed_at')}"
            f" OR undone_at IS NOT NULL AND {NO_MOMENT.format('undone_at')}"
            f" OR {_SKEWED.format('undone_at', 'redeemed_at')}",
        ),
    ),
    (
        "campaign-rules",
        "the rules of each campaign are known words and times in order",
        rows("campaign", _RULES),
    ),
)
