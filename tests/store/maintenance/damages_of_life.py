"""Damages of the life of codes: states, holds, redemptions, tombstones, and rules."""

from tests.store.maintenance.damage import BRAND, FREE, HELD, MOVE_TALLY, POOL, SUMMER, Damage

_ERASED = f"/{'0a' * 4}.{'0a' * 32}"
_REDEEM = (
    f"UPDATE code SET state = 'redeemed', redeemed_at = reserved_at + {{}} {HELD};"
    + MOVE_TALLY.format("reserved = 1, redeemed = 1")
)
_DISABLE_FREE = f"UPDATE code SET state = 'disabled', {{}} {FREE};" + MOVE_TALLY.format(
    "available = 1, disabled = 1"
)


def redemption(
    code="SECRET-b1-0", reference="secret-order", user="'secret-user-1'", times="1, NULL"
):
    """Return a statement that adds a redemption."""
    return f"INSERT INTO redemption VALUES (1, '{code}', '{reference}', {user}, {times});"


_ON_BOTH = {
    "a state that no fact supports": Damage(
        _DISABLE_FREE.format("version = 1"), {"state-stored"}, f"{POOL} (1)"
    ),
    "a code that goes back has expired": Damage(
        f"UPDATE code SET state = 'expired', expires_at = 1, on_lapse = 'recycle' {HELD};"
        + MOVE_TALLY.format("reserved = 1, expired = 1"),
        {"state-stored"},
        POOL,
    ),
    "a code is disabled, and nothing says why": Damage(
        _DISABLE_FREE.format("disabled_at = 1"), {"disabled-why"}, POOL
    ),
    "a code is disabled for a reason that there is not": Damage(
        _DISABLE_FREE.format("disabled_at = 1, disabled_by = 'lost'"), {"disabled-why"}, POOL
    ),
    "a hold without an end": Damage(
        f"UPDATE code SET hold_reference = 'secret-order', held_from = 1 {HELD};",
        {"hold-whole"},
        POOL,
    ),
    "a hold of nobody's code": Damage(
        f"UPDATE code SET hold_reference = 'secret-order', held_from = 1, held_until = 2 {FREE};",
        {"hold-whole"},
        POOL,
    ),
    "nobody's reservation ends": Damage(
        f"UPDATE code SET expires_at = 1 {FREE};", {"own-end"}, POOL
    ),
    "a reservation lapses in a way that there is not": Damage(
        f"UPDATE code SET on_lapse = 'lost' {HELD};", {"own-end"}, POOL
    ),
    "a tombstone that no erasure has left": Damage(
        f"UPDATE code SET user_id = '{_ERASED}' {HELD};", {"tombstone-why"}, POOL
    ),
    "an erasure that has left the name": Damage(
        "UPDATE code SET state = 'disabled', disabled_at = 1, disabled_by = 'erasure' "
        f"{HELD};" + MOVE_TALLY.format("reserved = 1, disabled = 1"),
        {"tombstone-why"},
        POOL,
    ),
    "a version below zero": Damage(f"UPDATE code SET version = -1 {FREE};", {"code-version"}, POOL),
    "a code redeemed before it was reserved": Damage(
        _REDEEM.format("-60001") + redemption(), {"life-time"}, POOL
    ),
    "a hold that ends when it begins": Damage(
        f"UPDATE code SET hold_reference = 'secret-order', held_from = 2, held_until = 2 {HELD};",
        {"life-time"},
        POOL,
    ),
    "a code is redeemed by two orders": Damage(
        _REDEEM.format("0") + redemption() + redemption(reference="secret-second"),
        {"redeemed-once"},
        f"{BRAND} (1)",
    ),
    "a code is redeemed by no order": Damage(
        _REDEEM.format("0") + redemption(times="1, 1"), {"redeemed-redemption"}, f"{BRAND} (1)"
    ),
    "an order has redeemed a code that is not redeemed": Damage(
        redemption(), {"redemption-redeemed"}, f"{BRAND} (1)"
    ),
    "another than the holder has redeemed a code": Damage(
        _REDEEM.format("0") + redemption(user="'secret-user-2'"),
        {"redeemed-redemption", "redemption-redeemed"},
        f"{BRAND} (1)",
    ),
    "a redemption of a code that there is not": Damage(
        redemption(code="SECRET-9", times="1, 1"), {"redemption-code"}, f"{BRAND} (1)"
    ),
    "a redemption with no reference": Damage(
        redemption(reference="", times="1, 1"), {"redemption-form"}, f"{BRAND} (1)"
    ),
    "a redemption by nobody": Damage(
        redemption(user="NULL", times="1, 1"), {"redemption-form"}, f"{BRAND} (1)"
    ),
    "a redemption that was neither made nor undone": Damage(
        redemption(user="NULL", times="NULL, NULL"),
        {"redemption-form", "redemption-redeemed"},
        f"{BRAND} (1)",
    ),
    "a redemption of a user of another form": Damage(
        redemption(user="'secret/user'", times="1, 1"), {"redemption-form"}, f"{BRAND} (1)"
    ),
    "a campaign that ends before it starts": Damage(
        "UPDATE campaign SET starts_at = 2, ends_at = 2 WHERE id = 2;", {"campaign-rules"}, SUMMER
    ),
    "a campaign with a rule that there is not": Damage(
        "UPDATE campaign SET on_release = 'lost' WHERE id = 2;", {"campaign-rules"}, SUMMER
    ),
    "a campaign in which mailed codes go to others": Damage(
        "UPDATE campaign SET redeem_by = 'anyone', on_lapse = 'recycle' WHERE id = 2;",
        {"campaign-rules"},
        SUMMER,
    ),
}
