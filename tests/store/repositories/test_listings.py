"""Listings on real tables: pages in a stable order."""

import pytest

from service.domain.codes import mint
from service.domain.model import State
from service.usecases.ports.store import UnknownPosition
from tests.store.repositories.adding import NOW, add
from tests.support.creating import add_codes
from tests.support.engines import on_sqlite


class TestPages:
    def test_pages_together_are_the_list(self, store, engine):
        codes = list(add_codes(store, "brand", "default", 25, mint, NOW)[0])
        codes = codes if engine == "sqlite" else sorted(codes)
        assert codes == walk(lambda after: store.codes("brand", "default", None, after, 7, NOW))

    def test_a_page_that_ends_with_the_list_is_the_last(self, store):
        add(store, "AAAA", "BBBB")
        assert not store.codes("brand", "default", None, None, 2, NOW).more
        assert store.codes("brand", "default", None, None, 1, NOW).more

    def test_rows_that_come_and_change_between_pages_shift_nothing(self, store, engine):
        add(store, "BBBB", "DDDD", "FFFF")
        first = store.codes("brand", "default", None, None, 2, NOW)
        add(store, "AAAA", "EEEE")
        store.reserve("brand", "default", "user", NOW)
        rest = store.codes("brand", "default", None, first.items[-1].code, 10, NOW)
        assert ["BBBB", "DDDD"] == [code.code for code in first.items]
        behind = {"sqlite": ["FFFF", "AAAA", "EEEE"], "postgresql": ["EEEE", "FFFF"]}
        assert behind[engine] == [code.code for code in rest.items]

    @on_sqlite
    def test_codes_are_given_and_listed_in_the_order_in_which_they_were_made(self, store):
        add(store, "BBBB")
        add(store, "AAAA")
        add(store, "CCCC", brand="other")
        listed = store.codes("brand", "default", None, None, 10, NOW)
        assert ["BBBB", "AAAA"] == [code.code for code in listed.items]
        assert "BBBB" == store.reserve("brand", "default", "user", NOW).reservation.code

    @on_sqlite
    def test_a_page_behind_a_code_that_is_gone_is_refused(self, store):
        """As after a restore: the listing must not seem to end."""
        add(store, "BBBB")
        with pytest.raises(UnknownPosition):
            store.codes("brand", "default", None, "AAAA", 10, NOW)

    def test_states_divide_the_list(self, store):
        add_codes(store, "brand", "default", 12, mint, NOW)
        for number in range(5):
            store.reserve("brand", "default", f"user{number}", NOW)
        by_state = {
            state: len(store.codes("brand", "default", state, None, 100, NOW).items)
            for state in State
        }
        assert store.brand("brand", NOW).counts == by_state

    def test_brands_among_those_that_a_token_names(self, store):
        for brand in ("a", "b", "c", "Z", "é"):
            add(store, "AAAA", brand=brand)
        names = [brand.name for brand in store.brands({"c", "a", "ghost"}, None, 10).items]
        assert ["a", "c"] == names
        every = [brand.name for brand in store.brands(None, None, 10).items]
        assert ["Z", "a", "b", "c", "é"] == every
        assert [] == store.brands(set(), None, 10).items


def walk(page_after):
    """Read all pages, and return the codes."""
    codes, after, more = [], None, True
    while more:
        page = page_after(after)
        codes += [code.code for code in page.items]
        after, more = codes[-1], page.more
    return codes
