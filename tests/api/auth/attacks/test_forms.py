"""Attacks by the form of a token: each gets a 401, and has no effect."""

import json

import pytest

from service.auth.tokens import MAX_TOKEN
from tests.api.auth.attacks.forging import GOOD_HEADER, bearer_of
from tests.support.tokens import claims, forged, signed, token


class TestClaims:
    """The required claims in every wrong form; test_tokens.py has the plain cases."""

    @pytest.mark.parametrize("name", ["sub", "exp", "iat", "iss", "aud"])
    @pytest.mark.parametrize("value", [None, "", [], {}, False, [None], {"a": 1}], ids=repr)
    def test_odd_ones(self, attack, name, value):
        attack(signed(GOOD_HEADER, claims() | {name: value}))

    @pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
    @pytest.mark.parametrize(
        "value",
        ["2000000000", True, "1e9", float("inf"), float("nan"), [1], "0x7fffffff"],
        ids=repr,
    )
    def test_dates_that_are_no_numbers(self, attack, name, value):
        attack(signed(GOOD_HEADER, claims() | {name: value}))

    def test_dates_that_no_calendar_has(self, attack):
        payload = json.dumps(claims() | {"exp": 0}).replace('"exp": 0', '"exp": -1e999')
        attack(signed(GOOD_HEADER, payload.encode()))
        payload = payload.replace("-1e999", "9" * 5_000)
        attack(signed(GOOD_HEADER, payload.encode()))

    @pytest.mark.parametrize(
        "aud", ["Discount", "discount ", "discounts", ["x"], ["x", ["discount"]], {"discount": 1}]
    )
    def test_another_audience(self, attack, aud):
        attack(forged({}, aud=aud))

    @pytest.mark.parametrize(
        "iss", ["Discount", "discount/", "discount\0", ["discount"], " discount"]
    )
    def test_another_issuer(self, attack, iss):
        attack(forged({}, iss=iss))

    @pytest.mark.parametrize("brands", ["*", {"*": 1}, [["*"]], [None], ["\ud800"], ["a/b"], [""]])
    def test_brands_that_are_no_list_of_names(self, attack, brands):
        attack(forged({}, brands=brands))

    @pytest.mark.parametrize(
        "payload", [[], "x", 7, None, b"", b"{", b"\xff", b"{}{}", b"[" * 3_000]
    )
    def test_no_object(self, attack, payload):
        attack(signed(GOOD_HEADER, payload))

    @pytest.mark.parametrize(("first", "last"), [("brand1", "brand2"), ("*", "brand2")])
    def test_the_last_of_two_members_counts(self, client, refused, changes, first, last):
        """RFC 7519, section 4: two parsers that disagree could be exploited."""
        payload = json.dumps(claims())[:-1].replace('["*"]', json.dumps([first]))
        text = signed(GOOD_HEADER, f'{payload}, "brands": ["{last}"]}}'.encode())
        for _ in range(2):  # from the cache, too
            answer = client.get("/v1/brands/brand1", headers=bearer_of(text))
            refused(answer, 404, "brand-not-found")


class TestForm:
    @pytest.mark.parametrize("size", [MAX_TOKEN + 1, 100_000, 1_000_000])
    def test_a_huge_token(self, attack, client, size):
        """A token is refused by its length before it is decoded, even with a valid signature."""
        attack("a" * size)
        attack("." * size)
        attack(forged({}, x="x" * size))

    def test_one_that_is_just_not_too_long(self, client):
        text = token(x="x" * ((MAX_TOKEN - len(token()) - 100) * 3 // 4))
        assert MAX_TOKEN - 300 < len(text) <= MAX_TOKEN
        assert 200 == client.get("/v1/brands", headers=bearer_of(text)).status_code

    def test_parts_that_are_missing_or_too_many(self, attack):
        head, payload, signature = token().split(".")
        for bad in (
            f"{head}.{payload}",
            f"{head}.{payload}.",
            f".{payload}.{signature}",
            f"{head}..{signature}",
            f"{head}.{payload}.{signature}.",
            f".{head}.{payload}.{signature}",
            f"{head}.{payload}.{signature}.{signature}",
            f"{head}.{payload}.{signature}.{signature}.{signature}",
            "..",
            ".",
        ):
            attack(bad)

    def test_the_json_form(self, attack):
        """RFC 7515, section 7.2 is another serialization, which no header field may have."""
        head, payload, signature = token().split(".")
        attack(json.dumps({"protected": head, "payload": payload, "signature": signature}))

    @pytest.mark.parametrize("place", [0, 1, 2])
    @pytest.mark.parametrize("junk", ["=", "==", "+", "/", "~", "%3D", "é", "\u00a0", ","])
    def test_base64_that_is_not_canonical(self, attack, place, junk):
        """RFC 7515, section 2: padding and other characters would give one token several texts."""
        parts = token().split(".")
        for spoilt in (
            parts[place] + junk,
            junk + parts[place],
            parts[place][:4] + junk + parts[place][4:],
        ):
            attack(".".join([*parts[:place], spoilt, *parts[place + 1 :]]))

    def test_bits_that_base64_does_not_use(self, attack):
        """The last of 43 characters has 2 unused bits, which must be 0."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        good = token()
        last = alphabet.index(good[-1])
        for bits in (1, 2, 3):
            attack(good[:-1] + alphabet[last | bits])

    @pytest.mark.parametrize(
        "header",
        [
            "Bearer {0} {0}",
            "Bearer {0},{0}",
            "Bearer {0}, Bearer {0}",
            "Bearer {0},",
            "Bearer ,{0}",
            "Bearer x {0}",
            "Bearer {0} x",
            "Bearer Bearer {0}",
            "Bearer token={0}",
            'Bearer "{0}"',
            "Basic dTpw, Bearer {0}",
            "Bearer\t{0}",
            "Bearer \t{0}",
            "Bearer {0}\t",
            "Bearer \u00a0{0}",
            "Bearer {0}\u00a0",
            "Bearer\u00a0{0}",
            "Bearer \x85{0}",
            "Bearer{0}",
            "Bearer:{0}",
            " ,Bearer {0}",
            "DPoP {0}",
            "{0}",
        ],
    )
    def test_another_form_of_the_header(self, attack, header):
        """RFC 6750, section 2.1: the scheme, spaces, one token."""
        attack(None, header=header.format(token()))

    def test_a_token_elsewhere_is_none(self, client, refused):
        """RFC 6750, sections 2.2 and 2.3 allow a body and a query, both of which end up in logs."""
        text = token()
        refused(client.get(f"/v1/brands?access_token={text}"), 401, "unauthenticated")
        answer = client.post("/v1/discount/create", data={"access_token": text})
        refused(answer, 401, "unauthenticated")
        client.set_cookie("access_token", text)
        client.set_cookie("Authorization", f"Bearer {text}")
        refused(client.get("/v1/brands"), 401, "unauthenticated")
