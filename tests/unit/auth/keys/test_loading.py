"""Keys: usable JWK Sets, and the key of development."""

import json
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from service.auth.keys.jwks import Key
from service.auth.keys.loading import development_secret, erasure_keys, load_keys, read_keys_file
from service.auth.tokens import issue_token
from service.settings import Settings, SettingsError
from tests.support.rsa_keys import RSA_KEY
from tests.support.tokens import SECRET

OCT = {"kty": "oct", "kid": "o1", "k": jwt.utils.base64url_encode(SECRET.encode()).decode()}


def rsa_jwk(bits=2048):
    key = RSA_KEY if bits == 2048 else rsa.generate_private_key(65537, bits)
    return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)


def ec_jwk(curve=None):
    key = ec.generate_private_key(curve or ec.SECP256R1())
    return ECAlgorithm.to_jwk(key.public_key(), as_dict=True)


def ed_jwk():
    key = ed25519.Ed25519PrivateKey.generate()
    return OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)


@pytest.fixture
def jwk_set(tmp_path):
    def write(*keys):
        path = tmp_path / "keys.json"
        path.write_text(json.dumps({"keys": keys}))
        return path

    return write


def test_each_kind_of_public_key_has_its_one_algorithm(jwk_set):
    keys = read_keys_file(
        jwk_set(
            rsa_jwk() | {"kid": "r"},
            ec_jwk() | {"kid": "e"},
            ed_jwk() | {"kid": "d"},
        )
    )
    assert {"r": "RS256", "e": "ES256", "d": "EdDSA"} == {
        kid: key.algorithm for kid, key in keys.items()
    }


def test_secrets_by_kid(jwk_set):
    other = OCT | {"kid": "o2"}
    settings = Settings(jwt_keys_file=jwk_set(OCT, other))
    assert {"o1", "o2"} == set(load_keys(settings))


def test_a_secret_and_public_keys_are_never_used_together(jwk_set):
    """RFC 8725, section 2.1: a public key must never be used as a secret."""
    with pytest.raises(SettingsError, match="DISCOUNT_JWT_SECRET"):
        load_keys(Settings(jwt_secret=SECRET, jwt_keys_file=jwk_set(ec_jwk() | {"kid": "e"})))
    with pytest.raises(
        SettingsError, match="DISCOUNT_JWT_SECRET"
    ):  # nor instead of one without kid
        load_keys(Settings(jwt_secret=SECRET, jwt_keys_file=jwk_set(ec_jwk())))
    with pytest.raises(SettingsError, match="DISCOUNT_JWT_KEYS_FILE"):
        load_keys(Settings(jwt_keys_file=jwk_set(OCT, ec_jwk() | {"kid": "e"})))


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "oct", "kid": "weak", "k": "c2VjcmV0"},
        OCT | {"kid": ""},
        OCT | {"kid": 7},
        OCT | {"alg": "HS512"},
        OCT | {"use": "enc"},
        OCT | {"key_ops": ["sign"]},
        OCT | {"key_ops": None},
        {"kty": "EC", "kid": "e", "crv": "P-256"},
        ["kty", "oct"],
        "key",
        ec_jwk(ec.SECP384R1()) | {"kid": "e"},
        rsa_jwk(1024) | {"kid": "r"},
        RSAAlgorithm.to_jwk(RSA_KEY, as_dict=True) | {"kid": "r"},
    ],
)
def test_a_key_that_cannot_be_used_stops_the_start(jwk_set, entry):
    with pytest.raises(SettingsError, match="DISCOUNT_JWT_KEYS_FILE"):
        read_keys_file(jwk_set(entry))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys": []}', '{"keys": 1}', "\xff", "[" * 100_000]
)
def test_what_is_no_jwk_set_stops_the_start(tmp_path, text):
    path = tmp_path / "keys.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SettingsError, match="DISCOUNT_JWT_KEYS_FILE"):
        read_keys_file(path)


def test_a_key_is_not_shown_where_it_is_printed():
    assert SECRET not in repr(Key("k", "HS256", SECRET.encode()))


def test_public_keys_cannot_sign_and_say_so(jwk_set):
    settings = Settings(jwt_keys_file=jwk_set(ec_jwk() | {"kid": "e"}))
    elsewhere = Settings(jwt_jwks_url="https://issuer.example/keys")
    for public in (settings, elsewhere):
        with pytest.raises(SettingsError, match="cannot sign"):
            issue_token(public, load_keys(public), subject="s", scope="", brands=[], ttl_s=1)


def test_a_development_secret_that_was_damaged_is_named(tmp_path):
    (tmp_path / "development.key").write_text("")
    with pytest.raises(SettingsError, match=r"development\.key"):
        development_secret(tmp_path)


def test_the_development_secret_is_made_once_however_many_ask_first(tmp_path):
    folder = tmp_path / "var"
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: development_secret(folder), range(64)))
    assert len(found) == 1
    assert [path.name for path in folder.iterdir()] == ["development.key"]
    assert found.pop().startswith("development-")
    assert (folder / "development.key").stat().st_mode & 0o077 == 0


def test_development_has_an_erasure_key_that_stays():
    """Whoever was erased is known after a restart, too."""
    (key,) = erasure_keys(Settings())
    assert (key,) == erasure_keys(Settings())
    assert (SECRET,) == erasure_keys(Settings(erasure_keys=(SECRET,)))


def test_production_without_an_erasure_key_has_none():
    assert () == erasure_keys(Settings(environment="production"))


@pytest.mark.parametrize("content", ["", "short", f"{SECRET}\nshort"])
def test_a_file_of_erasure_keys_that_is_damaged_is_named(tmp_path, content):
    file = tmp_path / "keys"
    file.write_text(content)
    with pytest.raises(SettingsError, match="DISCOUNT_ERASURE_KEY_FILE"):
        erasure_keys(Settings(erasure_key_file=file))
