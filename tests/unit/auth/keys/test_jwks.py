"""JWK Sets: unusable entries are ignored (RFC 7517, sections 4.5 and 5)."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from service.auth.keys.jwks import IgnoredKey, KeysRefused, read_jwk_set
from service.auth.keys.loading import load_keys
from service.auth.tokens import Verifier
from service.domain.errors import Unauthenticated
from service.settings import Settings, SettingsError
from tests.support.rsa_keys import OTHER_RSA_KEY as OTHER_RSA
from tests.support.rsa_keys import RSA_KEY as RSA
from tests.support.tokens import SECRET, Keys, claims

EC = ec.generate_private_key(ec.SECP256R1())
RSA_JWK = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
OTHER_RSA_JWK = RSAAlgorithm.to_jwk(OTHER_RSA.public_key(), as_dict=True)
EC_JWK = ECAlgorithm.to_jwk(EC.public_key(), as_dict=True)
OCT = {"kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode()}


def document(*entries):
    return json.dumps({"keys": entries}).encode()


def signed(key, algorithm, header=None):
    return jwt.encode(claims(), key, algorithm, header)


def verify(keys, token):
    return Verifier(Keys(keys), "discount", "discount").verify(token).subject


class TestNames:
    """The keys that a `kid` names."""

    def test_keys_of_two_kinds_share_a_kid(self):
        keys = read_jwk_set(document(RSA_JWK | {"kid": "k"}, EC_JWK | {"kid": "k"}), public=True)
        assert "tests" == verify(keys, signed(RSA, "RS256", {"kid": "k"}))
        assert "tests" == verify(keys, signed(EC, "ES256", {"kid": "k"}))

    def test_a_key_that_comes_twice_is_one(self):
        twice = document(RSA_JWK | {"kid": "k"}, RSA_JWK | {"kid": "k", "use": "sig"})
        keys = read_jwk_set(twice, public=True)
        assert () == keys["k"].namesakes
        assert "tests" == verify(keys, signed(RSA, "RS256", {"kid": "k"}))

    @pytest.mark.parametrize("key", [RSA, OTHER_RSA])
    def test_two_keys_of_one_kind_and_name_are_both_tried(self, key):
        both = document(RSA_JWK | {"kid": "k"}, OTHER_RSA_JWK | {"kid": "k"})
        keys = read_jwk_set(both, public=True)
        assert "tests" == verify(keys, signed(key, "RS256", {"kid": "k"}))
        stranger = rsa.generate_private_key(65537, 2048)
        with pytest.raises(Unauthenticated):
            verify(keys, signed(stranger, "RS256", {"kid": "k"}))

    @pytest.mark.parametrize("names", [{}, {"kid": "r"}])
    def test_no_name_is_needed_where_one_key_has_the_algorithm(self, names):
        keys = read_jwk_set(document(RSA_JWK | names, EC_JWK | {"kid": "e"}), public=True)
        assert "tests" == verify(keys, signed(RSA, "RS256"))
        assert "tests" == verify(keys, signed(EC, "ES256"))

    def test_one_key_under_two_names_is_one(self):
        keys = read_jwk_set(document(RSA_JWK | {"kid": "a"}, RSA_JWK | {"kid": "b"}), public=True)
        assert "tests" == verify(keys, signed(RSA, "RS256"))

    @pytest.mark.parametrize(("key", "header"), [(RSA, None), (RSA, {"kid": "c"})])
    def test_a_name_is_needed_where_several_have_it(self, key, header):
        two = document(RSA_JWK | {"kid": "a"}, OTHER_RSA_JWK | {"kid": "b"})
        with pytest.raises(Unauthenticated):
            verify(read_jwk_set(two, public=True), signed(key, "RS256", header))

    def test_a_name_of_another_kind_of_key_is_no_help(self):
        keys = read_jwk_set(document(RSA_JWK | {"kid": "r"}, EC_JWK | {"kid": "e"}), public=True)
        with pytest.raises(Unauthenticated):
            verify(keys, signed(EC, "ES256", {"kid": "r"}))

    def test_secrets_of_a_file_follow_the_same_rules(self, tmp_path):
        file = tmp_path / "keys"
        file.write_bytes(document(OCT | {"kid": "a"}, {"kty": "oct", "kid": "weak", "k": "AAAA"}))
        assert "tests" == verify(load_keys(Settings(jwt_keys_file=file)), signed(SECRET, "HS256"))


def twice_named(name):
    """Return an entry that names a member twice."""
    entry = json.dumps(RSA_JWK | {"kid": "odd"})
    return f'{entry[:-1]}, "{name}": "x"}}'


ODD = {
    "for encryption": RSA_JWK | {"use": "enc"},
    "for signing alone": RSA_JWK | {"key_ops": ["sign"]},
    "for nothing": RSA_JWK | {"key_ops": []},
    "operations of another form": RSA_JWK | {"key_ops": "verify"},
    "operations that are none": RSA_JWK | {"key_ops": None},
    "an unknown algorithm": RSA_JWK | {"alg": "RS1024"},
    "an algorithm that is none": RSA_JWK | {"alg": ["RS256"]},
    "weak": RSA_JWK | {"n": RSA_JWK["n"][:171]},
    "no base64": RSA_JWK | {"n": "!" + RSA_JWK["n"]},
    "a modulus that is none": RSA_JWK | {"n": 7},
    "an exponent of one": RSA_JWK | {"e": "AQ"},
    "an exponent that OpenSSL refuses": RSA_JWK | {"e": "B" * 100},
    "a modulus that OpenSSL refuses": RSA_JWK | {"n": "_" * 4000},
    "an even exponent": RSA_JWK | {"e": "Ag"},
    "a missing member": {name: RSA_JWK[name] for name in ("kty", "n")},
    "a point on no curve": EC_JWK | {"y": EC_JWK["x"]},
    "a short coordinate": EC_JWK | {"x": "AAAA"},
    "another curve": ECAlgorithm.to_jwk(
        ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True
    ),
    "a private key": RSAAlgorithm.to_jwk(OTHER_RSA, as_dict=True),
    "a private key of EC": ECAlgorithm.to_jwk(EC, as_dict=True),
    "no kind": {"n": RSA_JWK["n"], "e": "AQAB"},
    "a kind that nobody knows": {"kty": "AKP", "pub": "AAAA"},
    "a kind that is none": {"kty": ["RSA"]},
    "a name that is none": RSA_JWK | {"kid": 7},
    "a name that is null": RSA_JWK | {"kid": None},
    "a name that is empty": RSA_JWK | {"kid": ""},
    "a secret": OCT,
    "a text": "key",
    "a number": 7,
    "null": None,
    "a list": [[]],
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_entry_is_passed_over_and_reported(odd, first):
    odd = {"kid": "odd"} | odd if isinstance(odd, dict) else odd
    good = EC_JWK | {"kid": "good"}
    ignored: list[IgnoredKey] = []
    entries = [odd, good] if first else [good, odd]
    keys = read_jwk_set(document(*entries), public=True, report=ignored.append)
    assert {"good"} == set(keys)
    assert "tests" == verify(keys, signed(EC, "ES256", {"kid": "good"}))
    assert 1 == len(ignored)
    assert not [value for value in RSA_JWK.values() if len(str(value)) > 9 and value in ignored[0]]


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_set_of_odd_entries_alone_is_refused_with_the_reason(odd):
    with pytest.raises(KeysRefused, match=r"no key that can be used \(.+: .+\)\."):
        read_jwk_set(document(odd), public=True)


@pytest.mark.parametrize("other", ["9" * 5000, "-" + "9" * 5000, "1e999", "NaN"])
def test_a_number_of_any_length_refuses_no_set(other):
    whole = document(EC_JWK | {"kid": "good"}, {"kid": "odd", "x": "here"})
    keys = read_jwk_set(whole.replace(b'"here"', other.encode()), public=True)
    assert {"good"} == set(keys)


@pytest.mark.parametrize("name", ["kty", "n", "kid", "x5t"])
def test_an_entry_with_a_member_named_twice_is_passed_over(name):
    odd = twice_named(name) if name in RSA_JWK else twice_named("kid")
    content = f'{{"keys": [{odd}, {json.dumps(EC_JWK | {"kid": "good"})}]}}'
    assert {"good"} == set(read_jwk_set(content.encode(), public=True))


def test_what_nobody_can_show_is_reported_all_the_same():
    ignored: list[IgnoredKey] = []
    odd = {"kty": "x", "kid": "\ud800\n" + "k" * 1000}
    read_jwk_set(document(odd, EC_JWK), public=True, report=ignored.append)
    assert ignored[0].kid.startswith(r"'\ud800\nk")
    assert len(ignored[0].kid) <= 80


def test_a_file_serves_with_what_is_good_in_it(tmp_path):
    file = tmp_path / "keys"
    file.write_bytes(document(RSA_JWK | {"use": "enc"}, EC_JWK | {"kid": "e"}, "odd"))
    ignored: list[IgnoredKey] = []
    assert {"e"} == set(load_keys(Settings(jwt_keys_file=file), ignored.append))
    assert ["entry 0", "entry 2"] == [each.kid for each in ignored]


def test_both_families_are_never_used_at_once(tmp_path):
    """RFC 8725, section 2.1; nor where they share a kid."""
    file = tmp_path / "keys"
    file.write_bytes(document(EC_JWK | {"kid": "k"}, OCT | {"kid": "k"}))
    with pytest.raises(SettingsError, match="use one kind"):
        load_keys(Settings(jwt_keys_file=file))


def test_a_secret_in_a_file_that_an_editor_marked_as_utf_8(tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n")
    keys = load_keys(Settings(jwt_secret_file=file))
    assert "tests" == verify(keys, signed(SECRET, "HS256"))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt", "Application/JWT", "at+jwt"])
def test_kinds_of_tokens_by_their_long_and_short_names(typ):
    """RFC 7515, section 4.1.9: the prefix `application/` may be left out."""
    keys = read_jwk_set(document(EC_JWK), public=True)
    assert "tests" == verify(keys, signed(EC, "ES256", {"typ": typ}))


@pytest.mark.parametrize("typ", ["application/", "text/jwt", "application/application/jwt", "x"])
def test_other_kinds_are_refused(typ):
    keys = read_jwk_set(document(EC_JWK), public=True)
    with pytest.raises(Unauthenticated):
        verify(keys, signed(EC, "ES256", {"typ": typ}))
