"""Random calls about the life of codes, with a clock that jumps, and the model's answer to each."""

from typing import Any

from hypothesis import strategies as st

from tests.api.life.compared import Compared
from tests.api.life.service import BRAND, moment
from tests.tools.model.stored import DAY_MS

CAMPAIGNS = st.sampled_from(["default", "default", "summer"])
USERS = st.sampled_from(["ann", "bob", "cid"])
REFERENCES = st.sampled_from(["order-1", "order-2", "order-3"])
WHICH = st.integers(0, 4)
"""The codes that users hold come first."""
MINUTE_MS = 60_000
JUMPS = st.sampled_from([1, 1000, MINUTE_MS - 1, MINUTE_MS, 60 * MINUTE_MS, DAY_MS])
OFFSETS = st.sampled_from([None, None, None, -MINUTE_MS, 0, MINUTE_MS, 60 * MINUTE_MS])
DISCOUNTS = st.sampled_from(
    [None, {"type": "percent", "value": "15"}, {"type": "other", "description": "a mug"}]
)
RECYCLING = ("on_lapse", "on_release")
"""The rules that may say `recycle`."""
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "discount": DISCOUNTS,
        "claims_from": OFFSETS,
        "starts_at": OFFSETS,
        "ends_at": OFFSETS,
        "reservation_ttl_s": st.sampled_from([None, 60, 3600]),
        "on_lapse": st.sampled_from(["recycle", "recycle", "expire"]),
        "on_release": st.sampled_from(["recycle", "recycle", "retire"]),
        "redeem_by": st.sampled_from(["anyone", "holder"]),
        "paused": st.booleans(),
        "archived": st.sampled_from([False, False, True]),
    },
)
SELDOM = st.sampled_from([False, False, False, True])
WALLETS = st.sampled_from([None, None, "reserved", "redeemed", "expired", "disabled"])
MOMENTS = ("claims_from", "starts_at", "ends_at")


class Lives(Compared):
    """Every call about the life of codes, and the model's answer to it."""

    def begin(self, campaign, changes):
        """Make two campaigns, of which one has rules, with codes that users hold."""
        self.put_rules("summer", {}, shorten=False)
        self.put_rules(campaign, changes, shorten=True)
        for name, number in (("default", 3), ("summer", 2)):
            self.create(name, number)
            self.claim(name, "ann")
        self.claim("default", "bob")

    # Time.

    def jump(self, millis):
        self.clock.now += millis
        self.model.now = self.clock.now

    def jump_to_an_end(self, which, delta):
        """Jump to a moment at which something begins or ends."""
        moments = sorted(end + delta for end in self._ends() if end + delta > self.model.now)
        if moments:
            self.jump(moments[which % len(moments)] - self.model.now)

    def _ends(self):
        for campaign in self.model.brands[BRAND].values():
            yield from (campaign.rules[name] for name in MOMENTS if campaign.rules[name])
        for code in self.model.codes_of(BRAND):
            yield from (end for end in (code.own_end, code.hold and code.hold.until) if end)

    # Campaigns.

    def put_rules(self, campaign, changes, shorten):
        known = self.model.brands.get(BRAND, {}).get(campaign)
        wanted: dict[str, Any] = dict(known.rules) if known else {}
        for name, value in changes.items():
            wanted[name] = value if name not in MOMENTS or value is None else self._at(value)
        sent = {each: moment(at) if each in MOMENTS else at for each, at in wanted.items()}
        query = {"shorten": "true"} if shorten else {}
        answer = self.service.campaign("PUT", campaign, body=sent, **query)
        with self.compared(answer):
            status = self.model.put_rules(BRAND, campaign, wanted, shorten=shorten)
            assert status == answer.status_code
            self.is_shown(answer.json["rules"], **sent)

    def _at(self, offset: int) -> int:
        return self.model.now + offset

    def archive(self, campaign):
        answer = self.service.campaign("DELETE", campaign)
        with self.compared(answer):
            assert self.model.archive(BRAND, campaign) == answer.status_code

    def create(self, campaign, number):
        body = {"number_to_create": number}
        answer = self.service.campaign("POST", campaign, "/codes", body=body)
        with self.compared(answer):
            found = self.model.may_create(BRAND, campaign)
            assert number == len(answer.json)
            self.model.add(found, answer.json)

    # Users.

    def claim(self, campaign, user):
        answer = self.service.campaign("PUT", campaign, f"/reservations/{user}")
        with self.compared(answer):
            status, _ = self.model.may_claim(BRAND, campaign, user)
            assert status == answer.status_code
            code = self.model.claim(BRAND, campaign, user, answer.json["discount_code"])
            self.is_reservation(answer.json, code)

    def fetch(self, campaign, user):
        path = f"/v1/discount/fetch/{BRAND}/{user}"
        answer = self.service.call("GET", path, campaign=campaign)
        with self.compared(answer):
            self.model.may_claim(BRAND, campaign, user)
            self.model.claim(BRAND, campaign, user, answer.json["discount_code"])

    def show(self, campaign, user):
        answer = self.service.campaign("GET", campaign, f"/reservations/{user}")
        with self.compared(answer):
            self.is_reservation(answer.json, self.model.reservation(BRAND, campaign, user))

    def wallet(self, user, state):
        query = {"state": state} if state else {}
        answer = self.service.user("GET", user, "/codes", **query)
        with self.compared(answer):
            codes = {code.code: code for code in self.model.wallet(BRAND, user, state)}
            items = answer.json["items"]
            assert sorted(codes) == sorted(item["discount_code"] for item in items)
            for item in items:
                self.is_reservation(item, codes[item["discount_code"]])

    def erase(self, user, forget):
        query = {"forget": "true"} if forget else {}
        answer = self.service.user("DELETE", user, **query)
        with self.compared(answer):
            assert self.model.erase(BRAND, user, forget=forget) == answer.status_code

    # Staff.

    def switch(self, which, disabled):
        code = self._code(which)
        answer = self._patch(code, {"disabled": disabled})
        with self.compared(answer):
            asked = (BRAND, code.campaign.name, code.code)
            self.is_code(answer.json, self.model.patch(*asked, disabled=disabled))

    def set_end(self, which, offset):
        code = self._code(which)
        end = None if offset is None else self._at(offset)
        answer = self._patch(code, {"expires_at": moment(end)})
        with self.compared(answer):
            asked = (BRAND, code.campaign.name, code.code)
            self.is_code(answer.json, self.model.patch(*asked, expires_at=end))

    def _patch(self, code, body):
        return self.service.campaign("PATCH", code.campaign.name, f"/codes/{code.code}", body=body)

    def _code(self, which):
        codes = self.model.codes_of(BRAND)
        codes.sort(key=lambda code: code.holder(self.model.now) is None)
        return codes[which % len(codes)]

    def release(self, campaign, user):
        answer = self.service.campaign("DELETE", campaign, f"/reservations/{user}")
        with self.compared(answer):
            assert self.model.release(BRAND, campaign, user) == answer.status_code

    def look(self, which):
        code = self._code(which)
        self.is_code(self.service.code("GET", code.code).json, code)
        self._show_holder(code)

    def _show_holder(self, code):
        answer = self.service.code("GET", code.code, "/holder")
        holder = code.holder(self.model.now)
        if holder is None or holder.startswith("/"):
            assert (404 if holder is None else 410) == answer.status_code
        else:
            reserved_at = moment(code.reserved_at)
            expected = {"user": holder, "campaign": code.campaign.name, "reserved_at": reserved_at}
            assert expected == answer.json

    # The checkout.

    def hold(self, which, user, own, reference, ttl_s, over):
        code, user = self._taken_by(which, user, own=own)
        body = {"reference": reference, "user": user, "ttl_s": ttl_s, "take_over": over}
        answer = self.service.code("PUT", code.code, "/hold", body=body)
        with self.compared(answer):
            asked = (BRAND, code.code, user, reference, ttl_s)
            status, found = self.model.hold(*asked, take_over=over)
            assert status == answer.status_code
            until = moment(found.hold.until if found.hold else None)
            self.is_shown(answer.json, code=code.code, reference=reference, held_until=until)

    def _taken_by(self, which, user, *, own):
        """Return a code, and its holder or another user."""
        code = self._code(which)
        holder = code.holder(self.model.now)
        return code, holder if own and holder and not holder.startswith("/") else user

    def unhold(self, which, reference):
        code = self._code(which)
        answer = self.service.code("DELETE", code.code, "/hold", reference=reference)
        with self.compared(answer):
            assert self.model.unhold(BRAND, code.code, reference) == answer.status_code

    def redeem(self, which, user, own, reference, dry_run):
        code, user = self._taken_by(which, user, own=own)
        query = {"dry_run": "true"} if dry_run else {}
        body = {"reference": reference, "user": user}
        answer = self.service.code("PUT", code.code, "/redemption", body=body, **query)
        with self.compared(answer):
            asked = (BRAND, code.code, user, reference)
            status, found = self.model.redeem(*asked, dry_run=dry_run)
            assert status == answer.status_code
            self.is_redemption(answer.json, code, found)

    def undo(self, which, reference):
        code = self._code(which)
        answer = self.service.code("DELETE", code.code, "/redemption", reference=reference)
        with self.compared(answer):
            assert self.model.undo(BRAND, code.code, reference) == answer.status_code

    def show_redemption(self, which, reference):
        code = self._code(which)
        answer = self.service.code("GET", code.code, "/redemption", reference=reference)
        with self.compared(answer):
            found = self.model.redemption(BRAND, code.code, reference)
            self.is_redemption(answer.json, code, found)


def _call(method, **arguments):
    """Return a strategy of a call with its arguments."""
    return st.tuples(st.just(method), st.fixed_dictionaries(arguments))


_POOL_AND_USER = {"campaign": CAMPAIGNS, "user": USERS}
_CODE_AND_REFERENCE = {"which": WHICH, "reference": REFERENCES}
_ORDER = {**_CODE_AND_REFERENCE, "user": USERS, "own": st.sampled_from([True, True, False])}
WORK = (
    (3, _call(Lives.jump, millis=JUMPS)),
    (4, _call(Lives.jump_to_an_end, which=WHICH, delta=st.sampled_from([-1, 0, 0, 1]))),
    (3, _call(Lives.put_rules, campaign=CAMPAIGNS, changes=CHANGES, shorten=st.booleans())),
    (1, _call(Lives.archive, campaign=CAMPAIGNS)),
    (2, _call(Lives.create, campaign=CAMPAIGNS, number=st.integers(1, 2))),
    (6, _call(Lives.claim, **_POOL_AND_USER)),
    (3, _call(Lives.fetch, **_POOL_AND_USER)),
    (3, _call(Lives.show, **_POOL_AND_USER)),
    (2, _call(Lives.wallet, user=USERS, state=WALLETS)),
    (1, _call(Lives.erase, user=USERS, forget=st.sampled_from([False, False, True]))),
    (4, _call(Lives.switch, which=WHICH, disabled=st.booleans())),
    (5, _call(Lives.set_end, which=WHICH, offset=OFFSETS)),
    (4, _call(Lives.release, **_POOL_AND_USER)),
    (3, _call(Lives.look, which=WHICH)),
    (7, _call(Lives.hold, **_ORDER, ttl_s=st.sampled_from([60, 900, 86400]), over=SELDOM)),
    (3, _call(Lives.unhold, **_CODE_AND_REFERENCE)),
    (8, _call(Lives.redeem, **_ORDER, dry_run=SELDOM)),
    (5, _call(Lives.undo, **_CODE_AND_REFERENCE)),
    (3, _call(Lives.show_redemption, **_CODE_AND_REFERENCE)),
)
"""Calls, and how often each is made in proportion."""
CALLS = st.lists(
    st.one_of([call for weight, call in WORK for _ in range(weight)]), min_size=20, max_size=40
)
