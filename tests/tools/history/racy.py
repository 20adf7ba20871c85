"""The real application over a store that selects first and updates later: what not to do.

The rig must find it guilty; nothing else may use it.
"""

from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, text

from service.app import create_app
from service.container.services import build
from service.domain.erasure import Tombstones
from service.domain.model import Millis, Reservation, ReservationResult, State
from service.server.fast_path.entry import TaskSignals, install
from service.settings import load_settings
from service.store.database import Database
from service.store.opening import reservations_in

_FREE = text(
    "SELECT code.brand_id, code.campaign_id, code.code"
    " FROM code JOIN brand ON brand.id = code.brand_id"
    " WHERE brand.name = :brand AND code.state = 'available' ORDER BY code.code LIMIT 1"
)
_TAKE = text(
    "UPDATE code SET state = 'reserved', user_id = :user, reserved_at = :now"
    " WHERE brand_id = :brand_id AND campaign_id = :campaign_id AND code = :code"
)
_COUNT = text(
    "UPDATE tally SET reserved = reserved + 1,"
    " available = CASE WHEN available > 0 THEN available - 1 ELSE 0 END"
    " WHERE brand_id = :brand_id AND campaign_id = :campaign_id"
)


class RacyReservations:
    """Implements `service.store.repositories.reservations.Reservations`, as one should not."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._right = reservations_in(database)

    def find(self, brand: str, campaign: str, user: str, now: Millis) -> Reservation | None:
        """Return the user's reservation, if there is one."""
        return self._right.find(brand, campaign, user, now)

    def reserve(
        self, brand: str, campaign: str, user: str, now: Millis, _tombstones: Tombstones
    ) -> ReservationResult | None:
        """Select a free code, and then claim it, when it may be taken."""
        held = self.find(brand, campaign, user, now)
        if held:
            return ReservationResult(held, new=False)
        with self._database.read() as connection:
            free = connection.execute(_FREE, {"brand": brand}).mappings().one_or_none()
        if free is None:
            return None
        values = {**free, "user": user, "now": now}
        self._database.write(lambda connection: _take(connection, values))
        reservation = Reservation(free["code"], State.RESERVED, now, None, 0)
        return ReservationResult(reservation, new=True)


def _take(connection: Connection, values: Mapping[str, Any]) -> None:
    connection.execute(_TAKE, values)
    connection.execute(_COUNT, values)


with patch("service.container.storage.reservations_in", RacyReservations):
    app = create_app(build(load_settings(), signals=TaskSignals()))
install(app)
