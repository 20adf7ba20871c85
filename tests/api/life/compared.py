"""Comparisons of the service's answers with those of the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.api.life.service import BRAND, Clock, Service, moment
from tests.tools.model.checkout import Model
from tests.tools.model.stored import Code, Redemption, Refused


class Compared:
    """A service, its model, and the comparison of the two."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self.service, self.clock = service, clock
        self.model = Model(clock.now)
        self.versions: dict[str, tuple[int, int]] = {}

    @contextmanager
    def compared(self, answer: Any) -> Iterator[None]:
        """Apply a call to the model, which must refuse exactly where the service has."""
        refused = None
        try:
            yield
        except Refused as raised:
            refused = raised
        if refused is None:
            assert answer.status_code < 300, answer.text
        else:
            problem = {"type": f"/problems/{refused.slug}", **refused.members}
            assert refused.status == answer.status_code, answer.text
            assert problem == {name: answer.json[name] for name in problem}

    def is_shown(self, shown: dict[str, Any], **expected: Any) -> None:
        assert expected == {name: shown.get(name) for name in expected}

    def is_reservation(self, shown: dict[str, Any], code: Code) -> None:
        self.is_shown(
            shown,
            discount_code=code.code,
            state=code.state(self.model.now),
            brand=BRAND,
            campaign=code.campaign.name,
            user=code.user,
            reserved_at=moment(code.reserved_at),
            expires_at=moment(code.end(self.model.now)),
        )

    def is_code(self, shown: dict[str, Any], code: Code) -> None:
        now, rules = self.model.now, code.campaign.rules
        held = code.held(now)
        self.is_shown(
            shown,
            code=code.code,
            state=code.state(now),
            reserved_at=moment(None if code.lapsed(now) else code.reserved_at),
            expires_at=moment(code.end(now)),
            redeemed_at=moment(code.redeemed_at),
            campaign=code.campaign.name,
            discount=rules["discount"],
            starts_at=moment(rules["starts_at"]),
            held_until=moment(held.until if held and code.disabled_by is None else None),
        )
        self.is_version(shown["version"], code)

    def is_version(self, shown: int, code: Code) -> None:
        """Compare a version, which rises with each transition."""
        wrote, before = self.versions.get(code.code, (code.version, shown))
        assert shown > before if code.version > wrote else shown >= before
        self.versions[code.code] = code.version, shown

    def is_redemption(self, shown: dict[str, Any], code: Code, found: Redemption) -> None:
        self.is_shown(
            shown,
            code=code.code,
            campaign=code.campaign.name,
            user=found.user,
            redeemed_at=moment(found.redeemed_at),
            discount=code.campaign.rules["discount"],
        )
        assert moment(found.undone_at) == shown.get("undone_at")

    def check_everything(self) -> None:
        """Compare every code, and after a sweep the counts."""
        for code in self.model.codes_of(BRAND):
            self.is_code(self.service.code("GET", code.code).json, code)
        self.service.sweep(self.model.now)
        for name, campaign in self.model.brands.get(BRAND, {}).items():
            shown = self.service.campaign("GET", name).json
            assert campaign.counts(self.model.now) == shown["counts"]
            assert (campaign.closed(self.model.now) is None) == shown["open"]
        for code in self.model.codes_of(BRAND):
            self.is_code(self.service.code("GET", code.code).json, code)
