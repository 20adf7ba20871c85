"""The attacks of RFC 8725 and similar ones, over HTTP: each gets a 401, and has no effect.

Every attack runs against a service with HS256 secrets and one with public keys. Each service is
first shown to accept a valid token.
"""

import base64
import json
import time
from dataclasses import replace

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import RSAAlgorithm

from service.auth.tokens import MAX_TOKEN
from tests.support.installation import application
from tests.support.rsa_keys import OTHER_RSA_KEY as STRANGER
from tests.support.rsa_keys import RSA_KEY as RSA
from tests.support.tokens import SECRET, claims, forged, part, signed, token

PUBLIC_JWK = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
STRANGER_JWK = RSAAlgorithm.to_jwk(STRANGER.public_key(), as_dict=True)
GOOD_HEADER = {"alg": "HS256", "typ": "JWT"}


@pytest.fixture
def engine():
    """Authentication reaches no database."""
    return "sqlite"


@pytest.fixture
def attack(client, refused, changes):
    """Send a token with a call that would change something, and require that it is refused."""

    def send(bad, to=client, header=None):
        before = changes()
        answer = to.post(
            "/v1/discount/create",
            json={"brand": "brand1", "number_to_create": 1},
            headers={"Authorization": header or f"Bearer {bad}"},
        )
        refused(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert before == changes()

    return send


@pytest.fixture(scope="module")
def rs_client(tmp_path_factory, installations):
    """A client of a service on the same database that trusts one public RSA key, "k"."""
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    file.write_text(json.dumps({"keys": [PUBLIC_JWK | {"kid": "k"}]}))
    shared = installations("sqlite")
    trusting = replace(shared.settings, jwt_secret=None, jwt_keys_file=file)
    with application(trusting, shared.log) as app:
        yield app.test_client()


def rs_token(private=RSA, header=None, **changed):
    return jwt.encode(claims(**changed), private, "RS256", {"kid": "k"} | (header or {}))


def bearer_of(text):
    return {"Authorization": f"Bearer {text}"}


def test_what_is_attacked_works(client, rs_client):
    assert 200 == client.get("/v1/brands", headers=bearer_of(token())).status_code
    assert 200 == rs_client.get("/v1/brands", headers=bearer_of(rs_token())).status_code


class TestAlgorithms:
    """RFC 8725, sections 2.1, 3.1 and 3.2: the key determines the algorithm, not the token."""

    @pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, 0, [], {}])
    def test_none(self, attack, rs_client, name):
        payload = part(claims())
        for kid in ({}, {"kid": "k"}):
            head = part({"alg": name} | kid)
            for signature in ("", ".", ".AAAA", f".{part(b'')}", f".{token().split('.')[2]}"):
                attack(f"{head}.{payload}{signature}")
                attack(f"{head}.{payload}{signature}", rs_client)

    def test_no_algorithm_at_all(self, attack, rs_client):
        attack(signed({"typ": "JWT"}, claims()))
        attack(signed({"kid": "k"}, claims()), rs_client)

    @pytest.mark.parametrize(
        "name", ["HS384", "HS512", "hs256", "RS256", "ES256", "PS256", "A128KW"]
    )
    def test_another_algorithm_than_the_keys(self, attack, rs_client, name):
        attack(forged({"alg": name}))
        attack(forged({"alg": name, "kid": "k"}), rs_client)

    @pytest.mark.parametrize("encoding", ["PEM", "DER", "OpenSSH"])
    @pytest.mark.parametrize("alg", ["HS256", "RS256"])
    def test_a_public_key_used_as_a_secret(self, attack, rs_client, encoding, alg):
        form = serialization.PublicFormat
        public = RSA.public_key().public_bytes(
            getattr(serialization.Encoding, encoding),
            form.OpenSSH if encoding == "OpenSSH" else form.SubjectPublicKeyInfo,
        )
        for secret in (public, public.strip(), public + b"\n"):
            attack(forged({"alg": alg, "kid": "k"}, secret), rs_client)

    def test_the_public_key_as_it_is_published_used_as_a_secret(self, attack, rs_client):
        for secret in (json.dumps(PUBLIC_JWK), PUBLIC_JWK["n"]):
            attack(forged({"kid": "k"}, secret.encode()), rs_client)
        attack(forged({"kid": "k"}, base64.urlsafe_b64decode(PUBLIC_JWK["n"] + "==")), rs_client)

    @pytest.mark.parametrize(
        "secret", [b"", b"\0", b"secret", b"None", b"null", SECRET[:-1].encode()]
    )
    def test_a_secret_that_could_be_guessed(self, attack, secret):
        attack(forged({}, secret))


class TestKeysOfTheTokensOwn:
    """RFC 8725, sections 3.10 and 3.12: the header of a token is untrusted."""

    @pytest.mark.parametrize(
        "brought",
        [
            {"jwk": STRANGER_JWK},
            {"jwk": STRANGER_JWK | {"kid": "k"}},
            {"jwk": {"kty": "oct", "k": part(b"s" * 32)}},
            {"jku": "http://127.0.0.1:9/keys"},
            {"x5u": "file:///etc/passwd"},
            {"x5c": ["MIIB"]},
            {"x5t": "AAAA", "x5t#S256": "AAAA"},
        ],
        ids=lambda brought: next(iter(brought)),
    )
    def test_a_key_that_is_brought_along(self, attack, rs_client, brought):
        attack(rs_token(STRANGER, brought), rs_client)
        attack(rs_token(STRANGER, brought | {"kid": "other"}), rs_client)
        attack(forged(brought, b"s" * 32))

    @pytest.mark.parametrize("brought", [{"jwk": STRANGER_JWK}, {"jku": "http://127.0.0.1:9/"}])
    def test_is_not_even_looked_at(self, client, rs_client, brought):
        """A token that is valid otherwise stays valid: a fetch would take long."""
        began = time.monotonic()
        good = bearer_of(rs_token(header=brought))
        assert 200 == rs_client.get("/v1/brands", headers=good).status_code
        assert time.monotonic() - began < 1

    @pytest.mark.parametrize(
        "kid",
        [
            "",
            " ",
            "K",
            "k ",
            "k\0",
            "\0",
            "../../../../dev/null",
            "/dev/null",
            "file:///etc/passwd",
            "http://127.0.0.1:9/keys",
            "k' OR '1'='1",
            "'; DROP TABLE code; --",
            "$(id)",
            "{{7*7}}",
            "%s%n",
            "None",
            "__class__",
            "\ud800",
            "\n{}",
            "k" * 5_000,
            0,
            1.5,
            True,
            ["k"],
            {"k": "k"},
        ],
        ids=lambda kid: repr(kid)[:20],
    )
    def test_a_name_of_a_key_is_a_name_and_nothing_else(self, attack, rs_client, kid):
        attack(forged({"kid": kid}))
        attack(forged({"kid": kid}, b""))
        attack(signed({"alg": "RS256", "kid": kid}, claims()), rs_client)

    def test_a_name_of_ten_thousand_characters(self, attack):
        attack(forged({"kid": "k" * 10_000}))

    @pytest.mark.parametrize("kid", [None, {}], ids=repr)
    def test_no_name_where_every_key_has_one(self, attack, rs_client, kid):
        attack(signed({"alg": "RS256", "kid": kid}, claims()), rs_client)
        attack(jwt.encode(claims(), STRANGER, "RS256"), rs_client)


class TestHeader:
    @pytest.mark.parametrize(
        "crit", [["exp"], ["b64"], ["kid"], ["x"], [], "exp", None, {}, 1, ["b64", "exp"]], ids=repr
    )
    def test_crit(self, attack, rs_client, crit):
        """RFC 7515, section 4.1.11: the service understands no critical extension."""
        attack(forged({"crit": crit, "exp": 1, "x": 1}))
        attack(rs_token(STRANGER, {"crit": crit}), rs_client)

    def test_an_unencoded_payload(self, attack):
        """RFC 7797."""
        attack(forged({"b64": False}))
        attack(forged({"b64": False, "crit": ["b64"]}))

    @pytest.mark.parametrize("typ", ["JWE", "dpop+jwt", "logout+jwt", "id_token", 7, ["JWT"], True])
    def test_a_token_of_another_kind(self, attack, typ):
        """RFC 8725, section 3.11: a token that was issued for another purpose is refused."""
        attack(forged({"typ": typ}))

    @pytest.mark.parametrize(
        "header", [[], [GOOD_HEADER], "HS256", 7, None, b"", b"{", b"\xff", b"{}{}", b"[" * 3_000]
    )
    def test_no_object(self, attack, header):
        attack(signed(header, claims()))

    @pytest.mark.parametrize(
        "header",
        [
            b'{"alg":"HS256","alg":"none"}',
            b'{"alg":"none","alg":"HS512"}',
            b'{"alg":"HS256","kid":"x","kid":"y"}',
            b'{"alg":"HS256","typ":"JWT","typ":"x"}',
        ],
    )
    def test_the_last_of_two_members_counts(self, attack, header):
        """RFC 7515, section 4 allows duplicate members if all checks use the same one."""
        attack(signed(header, claims()))


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
        text = token(x="x" * 5_900)
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


def test_no_token_good_or_bad_is_logged(client, rs_client, log):
    bad = forged({}, b"another secret")
    for text in (token(), bad, rs_token(STRANGER)):
        for to in (client, rs_client):
            to.get("/v1/brands", headers=bearer_of(text))
            for piece in text.split("."):
                assert piece[:40] not in log.text
