"""Calls of the service, whose answers are compared with the model's."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode

from hypothesis.stateful import RuleBasedStateMachine

from service.app import services_of
from service.store.maintenance.verify import verify
from tests.api.contract.model import DEFAULT, Caller, Model, Refused
from tests.support.tokens import bearer

UNSET: list[Any] = [None, False, [], {}, "expire", "retire", "holder"]
"""The rules of a campaign that nobody has set."""


def segment(name: str) -> str:
    """Encode a name for a path, even one with a surrogate, as a faulty caller would."""
    return quote(name.encode(errors="surrogatepass"), safe="")


def pool_path(brand: str, campaign: str = DEFAULT) -> str:
    return f"/v1/brands/{segment(brand)}/campaigns/{segment(campaign)}"


@dataclass
class Walk:
    """A traversal of the pages of a listing, with other calls in between."""

    path: str
    query: dict[str, str]
    caller: Caller | None
    key: str
    """The member that identifies an item."""
    listed: Callable[[], list[str]]
    """The items that the model lists now."""
    is_item: Callable[[dict[str, Any]], None]
    """Compares one item."""
    rank: Callable[[str], Any] = str
    """The position of an item in the listing's order."""
    cursor: str | None = None
    seen: list[str] = field(default_factory=list)
    there: set[str] = field(default_factory=set)
    """The items at the beginning of the traversal."""


class Compared(RuleBasedStateMachine):
    """A service on empty tables, its model, and the comparison of the two."""

    def __init__(self, app, url):
        super().__init__()
        with services_of(app).storage.database.transaction() as connection:
            for table in ("idempotency", "code", "tally", "campaign", "brand"):
                connection.exec_driver_sql(f"DELETE FROM {table}")
        self.url = url
        self.client = app.test_client()
        self.model = Model()
        self.set_out: list[Walk] = []

    def call(self, method, url, caller, key=None, **options):
        headers = {}
        if caller:
            brands = ["*"] if caller.brands is None else sorted(caller.brands)
            headers = bearer(scope=" ".join(sorted(caller.scopes)), brands=brands)
        if key:
            headers["Idempotency-Key"] = key
        path, _, query = url.partition("?")
        # As a server passes them on (PEP 3333): the test client would repair invalid UTF-8.
        raw = {"PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "QUERY_STRING": query}
        return self.client.open(
            path, method=method, headers=headers, environ_overrides=raw, **options
        )

    def get(self, path, caller):
        """Send a GET, and check that HEAD has the same answer without the body."""
        answer, head = (self.call(method, path, caller) for method in ("GET", "HEAD"))
        assert (answer.status_code, b"") == (head.status_code, head.data)
        assert answer.headers.get("Link") == head.headers.get("Link")
        return answer

    @contextmanager
    def compared(self, answer) -> Iterator[None]:
        """Apply a call to the model, which must refuse exactly where the service has."""
        refusal = None
        try:
            yield
        except Refused as refused:
            refusal = refused
        if refusal:
            shown = answer.json["type"] if answer.status_code >= 400 else answer.json
            assert (refusal.status, f"/problems/{refusal.slug}") == (answer.status_code, shown)

    def is_brand(self, shown, **rest):
        self.model.note_moment("brand", shown["brand"], moment=shown.pop("created_at"))
        assert {"brand": shown["brand"], **rest} == shown

    def is_campaign(self, shown, brand, **rest):
        self.model.note_moment("campaign", brand, moment=shown.pop("created_at"))
        assert {"brand": brand, "campaign": DEFAULT, "archived": False, **rest} == shown

    def is_whole_campaign(self, shown, brand, counts):
        rules, guess = shown.pop("rules"), shown.pop("guess")
        assert all(
            rule in [None, False, [], {}, "expire", "retire", "holder"] for rule in rules.values()
        )
        assert sum(counts.values()) == guess["codes"]
        self.is_campaign(shown, brand, counts=counts, open=True)

    def is_reservation(self, shown, brand, campaign, user):
        self.model.note_moment("reserved", brand, user, moment=shown.pop("reserved_at"))
        assert {
            "discount_code": self.model.pool(brand).held[user],
            "state": "reserved",
            "brand": brand,
            "campaign": campaign,
            "user": user,
            "expires_at": None,
        } == shown

    def is_code(self, shown, brand, code):
        holder = self.model.pool(brand).holders[code]
        self.model.note_moment("created", brand, code, moment=shown.pop("created_at"))
        reserved_at = shown.pop("reserved_at")
        assert (holder is None) == (reserved_at is None)
        if holder is not None:
            self.model.note_moment("reserved", brand, holder, moment=reserved_at)
        state = self.model.pool(brand).state(code)
        ends = {"expires_at": None, "redeemed_at": None}
        moves = int(holder is not None)
        assert {"code": code, "state": state, **ends, "version": moves} == shown

    def is_whole_code(self, shown, brand, code):
        assert re.fullmatch("[0-9a-f]{32}", shown.pop("code_id"))
        rest = {"campaign": DEFAULT, "discount": None, "held_until": None, "starts_at": None}
        assert rest == {name: shown.pop(name) for name in rest}
        self.is_code(shown, brand, code)

    def breaches(self):
        """Return the guarantees that the database breaks, as `discount verify` finds them."""
        return [found.name for found in verify(self.url) if found.breaches]

    def begin(self, walk: Walk, limit: int | None) -> Walk:
        """Request the first page of a traversal."""
        self.set_out.append(walk)
        self.turn(walk, limit)
        return walk

    def turn(self, walk: Walk, limit: int | None) -> None:
        """Request the next page of a traversal, or the first one, and compare it."""
        query = dict(walk.query)
        if limit:
            query["limit"] = str(limit)
        if walk.cursor:
            query["cursor"] = walk.cursor
        answer = self.get(f"{walk.path}?{urlencode(query)}", walk.caller)
        with self.compared(answer):
            listed = walk.listed()
            assert 200 == answer.status_code
            if not walk.cursor:
                walk.there, walk.seen = {*listed}, []
            self.is_page(answer, walk, listed, limit or 100)
            if not walk.cursor:
                # The guarantee: an item that was there all the time is neither missed nor repeated.
                assert walk.there & {*listed} <= {*walk.seen}
                assert len(walk.seen) == len({*walk.seen})

    @staticmethod
    def is_page(answer, walk, listed, limit):
        ranks = {item: walk.rank(item) for item in [*listed, *walk.seen]}
        last = walk.seen[-1] if walk.seen else None
        behind = [item for item in listed if last is None or ranks[item] > ranks[last]]
        behind.sort(key=ranks.__getitem__)
        assert behind[:limit] == [item[walk.key] for item in answer.json["items"]]
        for item in answer.json["items"]:
            walk.is_item(item)
        walk.seen += behind[:limit]
        walk.cursor = answer.json["next_cursor"]
        assert (len(behind) > limit) == (walk.cursor is not None) == ("Link" in answer.headers)
