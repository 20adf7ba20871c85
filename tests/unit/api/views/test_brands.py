"""The views of brands and campaigns, called without an application."""

import pytest

from service.api.cursors import Cursors
from service.api.reply import Reply
from service.api.views.brands import BrandViews
from service.domain.model import Brand, Page, State

CURSORS = Cursors(b"key")
EPOCH = "1970-01-01T00:00:00.000Z"


class Store:
    """A store of three brands, which records its arguments."""

    def __init__(self):
        self.asked = []

    def brands(self, among, after, limit):
        self.asked.append((among, after, limit))
        found = [Brand(name, 0) for name in ("a", "b", "c") if name > (after or "")]
        return Page(found[:limit], more=len(found) > limit)

    def brand(self, brand, _now):
        return Brand(brand, 0), {State.AVAILABLE: 2, State.RESERVED: 1}


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def views(store):
    return BrandViews(store, CURSORS)


def test_a_page_leads_to_the_next_and_the_last_one_to_none(call, views, store):
    first, _ = call(views.list_brands, "/v1/brands?limit=2", limit=2, cursor=None)
    cursor = first.content["next_cursor"]
    assert ["a", "b"] == [item["brand"] for item in first.content["items"]]
    assert (("Link", f'</v1/brands?limit=2&cursor={cursor}>; rel="next"'),) == first.headers
    last, _ = call(views.list_brands, limit=2, cursor=cursor)
    assert Reply({"items": [{"brand": "c", "created_at": EPOCH}], "next_cursor": None}) == last
    assert [({"acme"}, None, 2), ({"acme"}, "b", 2)] == store.asked


def test_a_brand_is_shown_with_its_counts(call, views):
    counts = {"available": 2, "reserved": 1}
    expected = Reply({"brand": "acme", "created_at": EPOCH, "counts": counts})
    assert expected == call(views.show_brand, brand="acme")[0]
