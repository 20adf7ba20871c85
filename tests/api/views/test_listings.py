"""Brands, campaigns and codes: shown individually and in pages."""

from base64 import urlsafe_b64decode
from dataclasses import replace
from types import SimpleNamespace

import pytest

from service.api.cursors import Cursors
from service.auth.keys.loading import cursor_key
from service.domain.errors import InvalidRequest
from service.server.separate_threads import PAGES_AT_ONCE, REFUSED_AT_ONCE, SeparateThreads
from service.settings import Settings
from tests.api.conftest import C
from tests.support.engines import on_sqlite
from tests.support.tokens import SECRET, bearer

COUNTS = {"available": 10, "reserved": 0, "redeemed": 0, "expired": 0, "disabled": 0}


def walk(client, url, headers):
    """Follow the links from page to page."""
    pages = []
    while url:
        answer = client.get(url, headers=headers)
        assert 200 == answer.status_code, answer.text
        pages.append(answer.json)
        link = answer.headers.get("Link")
        assert (link is None) == (answer.json["next_cursor"] is None)
        url = link and link.removeprefix("<").removesuffix('>; rel="next"')
    return pages


def items(pages, key):
    return [item[key] for page in pages for item in page["items"]]


class TestBrands:
    def test_one_with_its_counts(self, client, auth, codes):
        client.put(f"{C}/reservations/u", headers=auth)
        shown = client.get("/v1/brands/brand1", headers=auth).json
        assert "brand1" == shown["brand"]
        assert COUNTS | {"available": 9, "reserved": 1} == shown["counts"]
        assert shown["created_at"].endswith("Z")

    def test_an_unknown_one(self, client, auth, refused):
        refused(client.get("/v1/brands/ghost", headers=auth), 404, "brand-not-found")

    def test_pages(self, client, auth):
        names = sorted(["a", "b", "c d", "é", "😀", "&x=1", "<>"])
        for name in names:
            client.post(
                "/v1/discount/create", json={"brand": name, "number_to_create": 1}, headers=auth
            )
        pages = walk(client, "/v1/brands?limit=2", auth)
        assert names == items(pages, "brand")
        assert [2, 2, 2, 1] == [len(page["items"]) for page in pages]

    def test_only_those_that_the_token_names(self, client, auth):
        for name in ("a", "b", "c"):
            client.post(
                "/v1/discount/create", json={"brand": name, "number_to_create": 1}, headers=auth
            )
        pages = walk(client, "/v1/brands?limit=1", bearer(brands=["c", "a", "ghost"]))
        assert ["a", "c"] == items(pages, "brand")


class TestCampaigns:
    def test_one_with_its_counts(self, client, auth, codes):
        shown = client.get(C, headers=auth).json
        assert ("brand1", "default", COUNTS) == (
            shown["brand"],
            shown["campaign"],
            shown["counts"],
        )

    def test_the_list(self, client, auth, codes):
        assert ["default"] == items(walk(client, "/v1/brands/brand1/campaigns", auth), "campaign")

    def test_unknown_ones(self, client, auth, refused, codes):
        refused(client.get("/v1/brands/ghost/campaigns", headers=auth), 404, "brand-not-found")
        url = "/v1/brands/brand1/campaigns/summer"
        refused(client.get(url, headers=auth), 404, "campaign-not-found")
        refused(client.get("/v1/brands/ghost/campaigns/x", headers=auth), 404, "brand-not-found")


class TestCodes:
    def test_one(self, client, auth, codes):
        shown = client.get(f"{C}/codes/{codes[0]}", headers=auth).json
        assert {"code", "state", "created_at", "reserved_at", "expires_at"} < set(shown)
        assert (codes[0], "available", None) == (
            shown["code"],
            shown["state"],
            shown["reserved_at"],
        )

    def test_one_that_somebody_holds_does_not_say_who(self, client, auth, codes):
        held = client.put(f"{C}/reservations/secret-user", headers=auth).json
        answer = client.get(f"{C}/codes/{held['discount_code']}", headers=auth)
        assert "reserved" == answer.json["state"]
        assert held["reserved_at"] == answer.json["reserved_at"]
        assert "secret-user" not in answer.text

    @pytest.mark.parametrize("code", ["ABCD", "abcdefghjklm"])
    def test_an_unknown_one(self, client, auth, refused, codes, code):
        refused(client.get(f"{C}/codes/{code}", headers=auth), 404, "code-not-found")

    @pytest.mark.parametrize("code", ["abc", "-abc", "x" * 65, "ab%20cd", "caf%C3%A9"])
    def test_what_is_no_code(self, client, auth, refused, codes, code):
        answer = client.get(f"{C}/codes/{code}", headers=auth)
        refused(answer, 400, "invalid-request", "/code")

    def test_unknown_pools(self, client, auth, refused, codes):
        for tail in ("codes", "codes/ABCD"):
            url = f"/v1/brands/ghost/campaigns/default/{tail}"
            refused(client.get(url, headers=auth), 404, "brand-not-found")
            url = f"/v1/brands/brand1/campaigns/summer/{tail}"
            refused(client.get(url, headers=auth), 404, "campaign-not-found")

    def test_pages_together_are_the_list(self, client, auth, codes, engine):
        listed = codes if engine == "sqlite" else sorted(codes)
        assert listed == items(walk(client, f"{C}/codes?limit=3", auth), "code")
        assert listed == items(walk(client, f"{C}/codes", auth), "code")

    def test_by_state(self, client, auth, codes, engine):
        held = [
            client.put(f"{C}/reservations/u{number}", headers=auth).json["discount_code"]
            for number in range(4)
        ]
        reserved = walk(client, f"{C}/codes?state=reserved&limit=2", auth)
        listed = codes if engine == "sqlite" else sorted(codes)
        assert [code for code in listed if code in held] == items(reserved, "code")
        free = walk(client, f"{C}/codes?state=available&limit=2", auth)
        assert [code for code in listed if code not in held] == items(free, "code")
        assert [] == items(walk(client, f"{C}/codes?state=redeemed", auth), "code")

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            *(
                (f"limit={limit}", "/limit")
                for limit in ("0", "1001", "-1", "1.0", "", "ten", "1e2", "%D9%A1", "+5", "1_0")
            ),
            ("limit=" + "9" * 5000, "/limit"),
            ("limit=" + "0" * 25 + "1001", "/limit"),
            *((f"cursor={cursor}", "/cursor") for cursor in ("", "x", "AAAA", "%00", "x" * 2000)),
            ("cursor=é", "/cursor"),
            ("state=lost", "/state"),
            ("state=AVAILABLE", "/state"),
            ("state=", "/state"),
            ("page=2", "/page"),
            ("limit=1&limit=2", "/limit"),
        ],
    )
    def test_a_bad_query(self, client, auth, refused, codes, query, pointer):
        answer = client.get(f"{C}/codes?{query}", headers=auth)
        refused(answer, 400, "invalid-request", pointer)


class TestCursors:
    cursors = Cursors(b"a key")

    def test_one_of_another_listing_is_refused(self, client, auth, refused, codes):
        cursor = client.get(f"{C}/codes?limit=1", headers=auth).json["next_cursor"]
        answer = client.get(f"{C}/codes?limit=1&state=available&cursor={cursor}", headers=auth)
        refused(answer, 400, "invalid-request", "/cursor")

    @on_sqlite
    def test_one_that_names_what_is_gone_is_refused(self, client, auth, refused, codes, database):
        """As after a restore: the listing must not seem to end."""
        cursor = client.get(f"{C}/codes?limit=1", headers=auth).json["next_cursor"]
        with database.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM code")
            connection.exec_driver_sql("UPDATE tally SET available = 0")
        answer = client.get(f"{C}/codes?limit=1&cursor={cursor}", headers=auth)
        refused(answer, 400, "invalid-request", "/cursor")

    @pytest.mark.parametrize("place", range(6))
    def test_one_that_was_changed_is_refused(self, place):
        cursor = self.cursors.encode("codes", "AAAA")
        other = "B" if cursor[place] != "B" else "C"
        with pytest.raises(InvalidRequest):
            self.cursors.decode("codes", cursor[:place] + other + cursor[place + 1 :])

    def test_one_of_another_key_is_refused(self):
        with pytest.raises(InvalidRequest):
            self.cursors.decode("codes", Cursors(b"other").encode("codes", "AAAA"))

    def test_one_from_before_a_move_to_postgresql_is_refused(self):
        """The other order would give another page after the same code."""
        settings = Settings(jwt_secret=SECRET, pseudonym_key=SECRET, database_url="sqlite:////x.db")
        moved = replace(settings, database_url="postgresql://db/discount")
        before, after = (Cursors(cursor_key(one)) for one in (settings, moved))
        with pytest.raises(InvalidRequest):
            after.decode("codes", before.encode("codes", "AAAA"))

    def test_it_shows_nothing_of_the_code_that_it_names(self):
        """A cursor is part of a URL, and URLs end up in the logs of proxies."""
        cursor = self.cursors.encode("codes", "SECRETCODE")
        assert b"SECRET" not in urlsafe_b64decode(cursor + "==")

    @pytest.mark.parametrize("key", ["AAAA", "é 😀", "a/b", "x" * 128])
    def test_a_key_comes_back(self, key):
        assert key == self.cursors.decode("codes", self.cursors.encode("codes", key))


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "threads"),
    [
        ("GET", "/v1/brands", PAGES_AT_ONCE),
        ("HEAD", "/v1/brands/a%2Fb/campaigns", PAGES_AT_ONCE),
        ("GET", f"{C}/codes", PAGES_AT_ONCE),
        ("GET", f"{C}/jobs", PAGES_AT_ONCE),
        ("POST", f"{C}/jobs", None),
        ("POST", f"{C}/codes", None),
        ("GET", f"{C}/codes/SUMMER-1", None),
        ("GET", "/v1/brands/codes", None),
        ("POST", f"{C}/imports", 40 + REFUSED_AT_ONCE),
        ("GET", f"{C}/export", 40 + REFUSED_AT_ONCE),
        ("GET", f"{C}/jobs/1a/report", 40 + REFUSED_AT_ONCE),
        ("GET", "*", None),
    ],
)
def test_the_server_knows_who_has_separate_threads(client, method, path, threads):
    request = SimpleNamespace(method=method, path=path)
    found = SeparateThreads(client.application, 40).for_request(request)
    assert threads == getattr(found, "_max_workers", None)
