"""Faults in the service that runs in this process: each breaks one promise, as carelessness would.

A fault is a function that patches an application until a test ends.
"""

import time
from dataclasses import replace
from functools import partial

from sqlalchemy import text

from service.app import services_of
from service.domain import redeeming, releasing
from service.domain.code_refusals import CodeHeld
from service.domain.model import Reservation, ReservationResult, State
from service.store.transaction import SQLTransaction
from service.usecases import redemptions, releases
from service.usecases.ports.code_moves import Move
from service.usecases.users import erase_user
from tests.tools.history import checkouts

PAUSE_S = 0.01
"""What lies between a read and a write, so that others come between."""
_VERSION = text(
    "SELECT version FROM code WHERE brand_id = :brand_id AND campaign_id = :campaign_id"
    " AND code = :code"
)
_FREE = text(
    "SELECT code.brand_id, code.campaign_id, code.code FROM code"
    " JOIN brand ON brand.id = code.brand_id"
    " WHERE brand.name = :brand AND code.state = 'available' ORDER BY code.code LIMIT 1"
)
_TAKE = text(
    "UPDATE code SET state = 'reserved', user_id = :user, reserved_at = :now"
    " WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND code = :code"
)
_FORGET = text("DELETE FROM redemption WHERE undone_at IS NOT NULL")
_TAKE_BACK = text(
    "UPDATE code SET state = 'available', user_id = NULL, reserved_at = NULL, expires_at = NULL,"
    " redeemed_at = NULL WHERE on_lapse = 'recycle' AND expires_at < :now"
)
_COUNT_TWICE = text("UPDATE tally SET redeemed = redeemed + 1")


def write(app, statement):
    services_of(app).storage.database.write(lambda connection: connection.execute(statement))


def moves_what_others_moved(app, patch):
    """Moves a code although somebody else has moved it since it was read."""
    storage = services_of(app).storage

    def move_code(own, found, move, now):
        time.sleep(PAUSE_S)
        key = {**found.pool._asdict(), "code": found.code}
        with storage.database.read() as connection:
            version = connection.execute(_VERSION, key).scalar_one()
        return own(found._replace(stored=replace(found.stored, version=version)), move, now)

    moves = storage.code_moves
    patch.setattr(moves, "move_code", partial(move_code, moves.move_code))


def undoes_anothers(_app, patch):
    """Undoes whatever redeemed the code, whichever reference asks."""

    def undo(own, moves, brand, code, reference):
        found = moves.find_code(brand, code)
        if found.stored.redeemed_at is not None:
            now = time.time_ns() // 1_000_000
            moves.move_code(found, Move(replace(found.stored, redeemed_at=None)), now)
        return own(moves, brand, code, reference)

    patch.setattr(redemptions, "undo", partial(undo, redemptions.undo))


def forgets_undos(app, patch):
    """Keeps no tombstone of a reference that was undone."""

    def undo(own, *arguments):
        found = own(*arguments)
        write(app, _FORGET)
        return found

    patch.setattr(redemptions, "undo", partial(undo, redemptions.undo))


def blocks_own_reference(_app, patch):
    """Lets a hold refuse whoever holds."""

    def redeem(own, facts, order, now, *claimant):
        if facts.stored.is_held(now):
            raise redeeming.with_state(CodeHeld(), facts.state(now))
        return own(facts, order, now, *claimant)

    patch.setattr(redeeming, "redeem", partial(redeem, redeeming.redeem))


def releases_the_redeemed(_app, patch):
    """Releases without a look at the state."""

    def released(own, stored, *rest):
        return own(replace(stored, redeemed_at=None, hold=None), *rest)

    patch.setattr(releases, "released", partial(released, releasing.release))
    patch.setattr(
        releases, "make_move", lambda moves, found, move, _, now: moves.move_code(found, move, now)
    )


def gives_to_two(app, patch):
    """Selects a code, and then gives it, when somebody else may have it."""
    store, database = services_of(app).storage.store, services_of(app).storage.database

    def reserve(own, brand, campaign, user, now, *rest):
        with database.read() as connection:
            free = connection.execute(_FREE, {"brand": brand}).mappings().one_or_none()
        if free is None or store.find_reservation(brand, campaign, user, now):
            return own(brand, campaign, user, now, *rest)
        time.sleep(PAUSE_S)
        values = {**free, "user": user, "now": now}
        database.write(lambda connection: connection.execute(_TAKE, values))
        return ReservationResult(Reservation(free["code"], State.RESERVED, now, None, 0), new=True)

    patch.setattr(store, "reserve", partial(reserve, store.reserve))


def counts_twice(app, patch):
    """Counts a redemption once too often."""

    def redeem(own, *arguments, **options):
        done = own(*arguments, **options)
        write(app, _COUNT_TWICE)
        return done

    patch.setattr(redemptions, "redeem", partial(redeem, redemptions.redeem))


def lapses_the_redeemed(app, patch):
    """Takes back what has ended, without a look at its redemption."""
    store = services_of(app).storage.store

    def reserve(own, *arguments):
        now = time.time_ns() // 1_000_000
        write(app, _TAKE_BACK.bindparams(now=now))
        return own(*arguments)

    patch.setattr(store, "reserve", partial(reserve, store.reserve))
    patch.setattr(checkouts, "rules_of", lambda _: checkouts.RULES[1])
    patch.setattr(checkouts, "LONGEST_END_S", 0.2)


def forgets_erasures(_app, patch):
    """Blocks nobody who was erased."""

    def erase(*arguments, forget):
        erase_user(*arguments, forget=not forget)

    patch.setattr("service.api.views.users.erase_user", erase)


def names_the_erased(_app, patch):
    """Leaves the names of erased users in redemptions."""
    patch.setattr(SQLTransaction, "user_redemptions", lambda *_: ())
