"""What checkouts and staff do with codes in a drill: hold, redeem, undo, release, end and erase.

Several clients meet at the same codes, users and references, and every step may be repeated, come
too late, or come in the wrong order.
"""

import time
from random import Random
from typing import TYPE_CHECKING

from tests.tools.history.checkout_recorder import FOREVER
from tests.tools.history.history import Call, Kind

if TYPE_CHECKING:
    from tests.tools.history.workload import Client

RULES = ("", '{"on_lapse": "recycle", "on_release": "recycle"}', '{"redeem_by": "anyone"}')
"""The rules of brands, in turn; the last of each four has no staff."""
UNTOUCHED = 3
TTL_S = 60
SHORTEST_END_S, LONGEST_END_S = 0.1, 1.5
ORDERS = 3
"""The number of references that several clients share, for each code."""


def rules_of(number: int) -> str:
    """Return the rules of a brand, empty for those that it has by itself."""
    return "" if number % 4 == UNTOUCHED else RULES[number % 4]


def has_staff(brand: str) -> bool:
    """Return whether somebody changes the codes of a brand beside its users."""
    return int(brand.removeprefix("brand")) % 4 != UNTOUCHED


def buy(client: "Client") -> None:
    """Take a code to the checkout, and do there what customers and shops do."""
    bought = _chosen(client)
    if bought is None:
        return
    chance, ask = client.chance, client.recorder
    if chance.random() < 0.5:
        client.until_answered(
            lambda: ask.hold(bought, TTL_S, client.timeout(), take_over=chance.random() < 0.1)
        )
    if chance.random() < 0.1:
        ask.unhold(bought, client.timeout())
    if chance.random() < 0.8:
        client.until_answered(lambda: ask.redeem(bought, client.timeout()))
    _think_again(client, bought)


def _think_again(client: "Client", bought: Call) -> None:
    chance, ask = client.chance, client.recorder
    if chance.random() < 0.2:
        ask.redeem(bought, client.timeout())
    if chance.random() < 0.3:
        client.until_answered(lambda: ask.undo(bought, client.timeout()))
        if chance.random() < 0.5:
            ask.redeem(bought, client.timeout())
    if chance.random() < 0.3:
        ask.redemption(bought, client.timeout())
    if chance.random() < 0.1:
        ask.unhold(bought, client.timeout())


def _chosen(client: "Client") -> Call | None:
    """Return a code with a user who may hold it, and a reference that others may use, too."""
    chance, brand = client.chance, client.world.current(client.chance)
    user = client.user()
    held = client.recorder.put(brand, user, client.timeout())
    if not held.done:
        return None
    if chance.random() < 0.05:
        user = client.user()
    code = held.content["discount_code"]
    order = chance.randrange(ORDERS) if chance.random() < 0.4 else _unique(chance)
    now = time.monotonic()
    return Call("", Kind.REDEEM, brand, now, now, code=code, user=user, reference=f"order-{order}")


def _unique(chance: Random) -> str:
    return f"{chance.getrandbits(64):x}"


def release(client: "Client") -> None:
    """Take a code from a user."""
    brand, user = client.world.current(client.chance), client.user()
    if has_staff(brand):
        client.until_answered(lambda: client.recorder.release(brand, user, client.timeout()))


def erase(client: "Client") -> None:
    """Erase a user."""
    brand, user = client.world.current(client.chance), client.user()
    if has_staff(brand):
        client.until_answered(lambda: client.recorder.erase(brand, user, client.timeout()))


def change(client: "Client") -> None:
    """Change a code that a user holds."""
    chance, ask, brand = client.chance, client.recorder, client.world.current(client.chance)
    if not has_staff(brand):
        return
    held = ask.show(brand, client.user(), client.timeout())
    if not held.done:
        return
    code = held.content["discount_code"]
    match chance.randrange(4):
        case 0:
            ask.switch(brand, code, client.timeout(), disabled=True)
        case 1:
            ask.switch(brand, code, client.timeout(), disabled=False)
        case 2:
            ask.set_end(brand, code, FOREVER, client.timeout())
        case _:
            seconds = chance.uniform(SHORTEST_END_S, LONGEST_END_S)
            ask.set_end(brand, code, seconds, client.timeout())


def inspect(client: "Client") -> None:
    """Look at a code, a wallet, or what a reference did."""
    chance, ask = client.chance, client.recorder
    brand, user = client.world.current(chance), client.user()
    wallet = ask.wallet(brand, user, client.timeout())
    for item in wallet.content["items"] if wallet.done else ():
        ask.look(brand, item["discount_code"], client.timeout())
