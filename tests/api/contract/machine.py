"""A state machine of random calls, whose answers are compared with the model."""

from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, invariant, multiple, rule

from tests.api.contract.compared import Compared, Walk, pool_path, segment
from tests.api.contract.model import DEFAULT, Caller, Refused
from tests.support.names import illegal_names, legal_names, look_alikes
from tests.support.tokens import ALL_SCOPES

SCOPES = frozenset(ALL_SCOPES.split())

EVERYTHING = Caller(SCOPES)

ONE_BRAND = Caller(SCOPES, frozenset({"brand1"}))

LOOK_ALIKES = ("\u00e9", "e\u0301")

CREATE, RESERVE = "discounts:create", "discounts:reserve"

READ, EXPORT = "discounts:read", "discounts:export"

CAMPAIGNS = st.sampled_from([*[DEFAULT] * 8, "Default", "summer"])

STATES = st.sampled_from([None, "available", "reserved", "redeemed"])

LIMITS = st.sampled_from([1, 1, 2, 2, 3, 1000, None])

WHICH = st.integers(0, 1000)


class Calls(Compared):
    """Every call, and the model's answer to it."""

    brands = Bundle[str]("brands")
    users = Bundle[str]("users")
    callers = Bundle[Caller | None]("callers")
    walks = Bundle[Walk]("walks")

    # Callers and their targets.

    @initialize(target=brands, names=look_alikes(64), number=st.integers(1, 4))
    def name_brands(self, names, number):
        self.create("brand1", DEFAULT, number, EVERYTHING, old=True)
        return multiple("brand1", *names)

    @initialize(target=users, names=look_alikes(128))
    def name_users(self, names):
        return multiple("user1", *LOOK_ALIKES, *names)

    @initialize(target=callers)
    def issue_tokens(self):
        lacking_one = (Caller(SCOPES - {scope}) for scope in sorted(SCOPES))
        return multiple(*[EVERYTHING] * 12, *lacking_one, ONE_BRAND, ONE_BRAND, None)

    @rule(target=callers, named=st.lists(brands | legal_names(64), max_size=3))
    def issue_a_token_for_some_brands(self, named):
        return Caller(SCOPES, None if named == ["*"] else frozenset(named))

    # Calls.

    @rule(
        brand=brands,
        campaign=CAMPAIGNS | st.none(),
        number=st.integers(1, 4),
        caller=callers,
        old=st.booleans(),
        key=st.sampled_from([None, None, "key-1", "key-2"]),
    )
    def create(self, brand, campaign, number, caller, old, key=None):
        """Reserve by either call; the older one has a default campaign."""
        body = {"number_to_create": number}
        if old:
            body |= {"brand": brand} | ({"campaign": campaign} if campaign else {})
        path = "/v1/discount/create" if old else f"{pool_path(brand, campaign or DEFAULT)}/codes"
        asked = (brand, campaign or DEFAULT, number)
        answer = self.call("POST", path, caller, key, json=body)
        with self.compared(answer):
            self.model.admit(caller, CREATE, brand)
            earlier = self.model.earlier_answer(path, key, asked)
            assert (earlier is not None) == ("Idempotent-Replayed" in answer.headers)
            if earlier is not None:
                assert (200 if old else 201, earlier) == (answer.status_code, answer.json)
                return
            pool = self.model.pool_for_codes(brand, campaign or DEFAULT)
            assert (200 if old else 201) == answer.status_code
            assert number == len(answer.json)
            self.model.add(brand, pool, answer.json)
            if key:
                self.model.answered[path, key] = asked, answer.json

    @rule(brand=brands, campaign=CAMPAIGNS | st.none(), user=users, caller=callers)
    def fetch(self, brand, campaign, user, caller):
        path = f"/v1/discount/fetch/{segment(brand)}/{segment(user)}"
        query = f"?{urlencode({'campaign': campaign})}" if campaign else ""
        head = self.call("HEAD", f"{path}{query}", caller)
        assert (405 if caller else 401) == head.status_code
        answer = self.call("GET", f"{path}{query}", caller)
        with self.compared(answer):
            self.model.admit(caller, RESERVE, brand)
            pool = self.model.pool(brand, campaign or DEFAULT)
            self.model.may_reserve(pool, user)
            assert 200 == answer.status_code
            assert ["discount_code"] == list(answer.json)
            self.model.note_answer(brand, pool, user, answer.json["discount_code"])

    @rule(brand=brands, campaign=CAMPAIGNS, user=users, caller=callers)
    def put_reservation(self, brand, campaign, user, caller):
        path = f"{pool_path(brand, campaign)}/reservations/{segment(user)}"
        answer = self.call("PUT", path, caller)
        with self.compared(answer):
            self.model.admit(caller, RESERVE, brand)
            pool = self.model.pool(brand, campaign)
            new = self.model.may_reserve(pool, user)
            assert (201 if new else 200) == answer.status_code
            self.model.note_answer(brand, pool, user, answer.json["discount_code"])
            self.is_reservation(answer.json, brand, campaign, user)

    @rule(brand=brands, campaign=CAMPAIGNS, user=users, caller=callers)
    def show_reservation(self, brand, campaign, user, caller):
        answer = self.get(f"{pool_path(brand, campaign)}/reservations/{segment(user)}", caller)
        with self.compared(answer):
            self.model.admit(caller, READ, brand)
            if user not in self.model.pool(brand, campaign).held:
                raise Refused(404, "reservation-not-found")
            assert 200 == answer.status_code
            self.is_reservation(answer.json, brand, campaign, user)

    @rule(brand=brands, caller=callers)
    def show_brand_and_campaigns(self, brand, caller):
        """Show a brand, its only campaign, and the list of campaigns."""
        path = f"/v1/brands/{segment(brand)}"
        answers = [self.get(url, caller) for url in (path, pool_path(brand), f"{path}/campaigns")]
        for answer in answers:
            with self.compared(answer):
                self.model.admit(caller, READ, brand)
                self.model.pool(brand)
                assert 200 == answer.status_code
        if 200 == answers[0].status_code:
            of_brand, of_campaign, campaigns = (answer.json for answer in answers)
            counts = self.model.pool(brand).counts()
            assert brand == of_brand["brand"]
            self.is_brand(of_brand, counts=counts)
            self.is_whole_campaign(of_campaign, brand, counts)
            (item,) = campaigns["items"]
            self.is_campaign(item, brand)

    @rule(brand=brands, campaign=st.sampled_from(["Default", "summer"]), caller=callers)
    def show_an_unknown_campaign(self, brand, campaign, caller):
        answer = self.get(pool_path(brand, campaign), caller)
        with self.compared(answer):
            self.model.admit(caller, READ, brand)
            self.model.pool(brand, campaign)

    @rule(brand=brands, owner=brands, campaign=CAMPAIGNS, which=WHICH, caller=callers)
    def show_code(self, brand, owner, campaign, which, caller):
        """Look up a code, perhaps of another brand, which is as unknown as any."""
        known = self.model.created.get(owner, ["ABCD-1234"])
        code = known[which % len(known)]
        answer = self.get(f"{pool_path(brand, campaign)}/codes/{code}", caller)
        with self.compared(answer):
            self.model.admit(caller, READ, brand)
            if code not in self.model.pool(brand, campaign).holders:
                raise Refused(404, "code-not-found")
            assert 200 == answer.status_code
            self.is_whole_code(answer.json, brand, code)

    # Traversals of listings.

    @rule(
        target=walks, brand=brands, campaign=CAMPAIGNS, state=STATES, limit=LIMITS, caller=callers
    )
    def set_out_through_codes(self, brand, campaign, state, limit, caller):
        def listed():
            self.model.admit(caller, EXPORT, brand)
            return self.model.pool(brand, campaign).codes(state)

        def made(code):
            return list(self.model.pool(brand, campaign).holders).index(code)

        walk = Walk(
            path=f"{pool_path(brand, campaign)}/codes",
            query={"state": state} if state else {},
            caller=caller,
            key="code",
            listed=listed,
            is_item=lambda item: self.is_code(item, brand, item["code"]),
            rank=made if self.url.startswith("sqlite") else str,
        )
        return self.begin(walk, limit)

    @rule(target=walks, limit=LIMITS, caller=callers)
    def set_out_through_brands(self, limit, caller):
        def listed():
            self.model.admit(caller, READ)
            return self.model.brands(caller)

        return self.begin(Walk("/v1/brands", {}, caller, "brand", listed, self.is_brand), limit)

    @rule(walk=walks, limit=LIMITS)
    def turn_a_page(self, walk, limit):
        """Request the next page, or the first one after the last."""
        self.turn(walk, limit)

    @rule(walk=walks, limit=LIMITS)
    def walk_to_the_end(self, walk, limit):
        self.turn(walk, limit)
        while walk.cursor:
            self.turn(walk, limit)

    # Invalid calls.

    @rule(
        brand=brands,
        name=illegal_names(64),
        user_id=illegal_names(128),
        number=st.sampled_from([0, -1, 1001, "10", 10.0, True, None]),
        which=WHICH,
    )
    def break_a_rule(self, brand, name, user_id, number, which):
        create, pool = "/v1/discount/create", pool_path(brand)
        calls: list[tuple[str, str, Any]] = [
            ("POST", create, {"brand": name, "number_to_create": 1}),
            ("POST", create, {"brand": brand, "campaign": name, "number_to_create": 1}),
            ("POST", create, {"brand": brand, "number_to_create": number}),
            ("POST", f"{pool}/codes", {"number_to_create": number}),
            ("POST", f"{pool_path(name)}/codes", {"number_to_create": 1}),
            ("GET", f"/v1/discount/fetch/{segment(name)}/u", None),
            ("GET", f"/v1/discount/fetch/{segment(brand)}/{segment(user_id)}", None),
            ("PUT", f"{pool}/reservations/{segment(user_id)}", None),
            ("PUT", f"{pool_path(brand, name)}/reservations/u", None),
            ("GET", f"{pool}/codes?limit={(0, 1001, 'x')[which % 3]}", None),
            ("GET", f"{pool}/codes?cursor={segment(name)}", None),
        ]
        method, path, body = calls[which % len(calls)]
        answer = self.call(method, path, EVERYTHING, json=body)
        with self.compared(answer):
            raise Refused(400, "invalid-request")

    # Invariants after each call, and at the end.

    @invariant()
    def what_always_holds(self):
        self.model.check_what_always_holds()

    def teardown(self):
        """Complete all traversals, repeat all calls that have answers, and make the rare calls."""
        for brand, created in self.model.created.items():
            assert created == self.model.pool(brand).codes(None)
            self.set_out_through_codes(brand, DEFAULT, None, 2, EVERYTHING)
        self.set_out_through_brands(None, ONE_BRAND)
        for user in LOOK_ALIKES:
            self.put_reservation("brand1", DEFAULT, user, EVERYTHING)
        for walk in self.set_out:
            while walk.cursor:
                self.turn(walk, 2)
        for brand, user in self.model.codes_of:
            self.put_reservation(brand, DEFAULT, user, EVERYTHING)
        self.model.check_what_always_holds()
        assert [] == self.breaches()
