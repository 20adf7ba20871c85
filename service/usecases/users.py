"""Users over all campaigns of a brand: the codes that they hold, and their erasure."""

from functools import partial

from service.domain.erasure import Tombstones, random_tombstone
from service.domain.errors import ErasureUnavailable
from service.domain.model import Millis, Page, State
from service.domain.states import StoredCode
from service.usecases.ports.clock import Clock, system_clock
from service.usecases.ports.store import Store, UserCode
from service.usecases.ports.transaction import Transaction, Writes


def list_user_codes(
    store: Store,
    brand: str,
    user: str,
    state: State | None,
    after: int | None,
    limit: int,
    clock: Clock = system_clock,
) -> Page[UserCode]:
    """List the codes that a user holds, those in `state` (`None`: all).

    Raises:
        BrandNotFound: There is no such brand.
    """
    return store.user_codes(brand, user, state, after, limit, clock())


def erase_user(
    store: Writes,
    tombstones: Tombstones,
    brand: str,
    user: str,
    *,
    forget: bool = False,
    clock: Clock = system_clock,
) -> None:
    """Erase a user: tombstones take the place of the id, and the codes are disabled for good.

    Args:
        store: The store.
        tombstones: Computes the user's tombstones.
        brand: The brand whose user this is.
        user: The user's id.
        forget: Whether nothing may link the user to the codes, so that nothing stands against new
            claims; earlier tombstones are replaced as well.
        clock: The clock.

    Raises:
        BrandNotFound: There is no such brand.
        ErasureUnavailable: There is no key for tombstones.
    """
    of_user = tombstones(brand, user)
    if not of_user:
        raise ErasureUnavailable
    users = (user, *of_user) if forget else (user,)
    tombstone = None if forget else of_user[0]

    def erase(tx: Transaction) -> None:
        replace_users(tx, tx.brand(brand), users, tombstone)

    store.write(erase, clock())


def replace_users(
    tx: Transaction,
    brand_id: int,
    users: tuple[str, ...],
    tombstone: str | None,
    until: Millis | None = None,
) -> int:
    """Put tombstones in place of a person's ids, and return in how many rows.

    Args:
        tx: The transaction.
        brand_id: The key of the brand.
        users: The ids of the person, which may be tombstones.
        tombstone: The tombstone; `None` for random ones, which nothing links.
        until: Only what was reserved or redeemed until then (`None`: all).
    """
    name = partial(_tombstone_of, tombstone)
    changed, by_code = 0, dict[str, str]()
    while held := [each for each in tx.lock_user_codes(brand_id, users) if each.is_until(until)]:
        buried = tx.lock_user_codes(brand_id, (tombstone,)) if tombstone else ()
        taken = {each.pool for each in buried}
        for each in held:
            by_code[each.code] = new = name(free=each.pool not in taken)
            tx.store_code(each, _erased(each.stored, new, tx.now))
        changed += len(held)
    for redemption in tx.user_redemptions(brand_id, users):
        if redemption.is_until(until):
            tx.rename_redeemer(brand_id, redemption, by_code.get(redemption.code) or name())
            changed += 1
    return changed


def _erased(stored: StoredCode, tombstone: str, now: Millis) -> StoredCode:
    """Return what is stored afterwards; a code that has lapsed is not the user's any more."""
    return stored.nobodys() if stored.has_lapsed(now) else stored.erased(tombstone, now)


def _tombstone_of(tombstone: str | None, *, free: bool = True) -> str:
    """Return the tombstone if it is free in the campaign, or a random one."""
    return tombstone if tombstone and free else random_tombstone()
