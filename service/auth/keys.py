"""The keys that tokens are checked with, from a secret or a JWK Set (RFC 7517).

A set holds secrets (`oct`, for HS256) or public keys (RSA, EC, OKP), never both: a public
key must not be usable as a secret (RFC 8725, section 2.1). Each key has one algorithm.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType
from typing import Any

from jwt import PyJWK, PyJWTError

from service.settings import DEVELOPMENT_KEY, MIN_SECRET_BYTES, Settings, SettingsError

ALGORITHMS: Mapping[tuple[str, str | None], str] = MappingProxyType(
    {
        ("oct", None): "HS256",
        ("RSA", None): "RS256",
        ("EC", "P-256"): "ES256",
        ("OKP", "Ed25519"): "EdDSA",
    }
)
"""The one algorithm for a key of this type and curve."""
MIN_RSA_BITS = 2048
PRIVATE_MEMBERS = frozenset({"k", "d", "p", "q", "dp", "dq", "qi", "oth"})
"""What an entry holds only if it can sign (RFC 7518, section 6)."""
_UNUSABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    PyJWTError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What an entry of any other form may make Python and PyJWT raise."""


class KeysRefused(Exception):  # noqa: N818 - it says what happened to them
    """A set cannot be used; the message is a sentence that says why, and shows no key."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key with its one algorithm; `material` is what PyJWT takes."""

    kid: str | None
    algorithm: str
    material: Any = field(repr=False)

    @property
    def secret(self) -> bool:
        """Whether it can sign as well as verify."""
        return self.algorithm == "HS256"


KeySet = Mapping[str | None, Key]
"""Keys by `kid`; under `None` the key for tokens that name none. Never changed: replaced."""
NO_KEYS: KeySet = MappingProxyType({})


def load_keys(settings: Settings) -> KeySet:
    """Return the keys that the settings name; in development, else, one made on first use.

    Keys at a URL are not fetched here: until they are, there are none.

    Raises:
        SettingsError: A key cannot be used, or both families are there.
    """
    if settings.jwt_jwks_url:
        return NO_KEYS
    keys: dict[str | None, Key] = {}
    if settings.jwt_keys_file:
        keys.update(read_jwk_set(settings.jwt_keys_file))
    secret = _secret(settings.jwt_secret, settings.jwt_secret_file, "DISCOUNT_JWT_SECRET_FILE")
    if secret or not keys:
        keys[None] = Key(None, "HS256", (secret or development_secret(settings.var)).encode())
    if len({key.secret for key in keys.values()}) > 1:
        raise SettingsError(
            "There are secrets and public keys among DISCOUNT_JWT_SECRET and "
            "DISCOUNT_JWT_KEYS_FILE; use one kind."
        )
    return MappingProxyType(keys)


def _secret(given: str | None, file: Path | None, name: str) -> str | None:
    """Return a secret as it is now.

    Raises:
        SettingsError: Its file cannot be read, or holds too little.
    """
    if file is None:
        return given
    try:
        text = file.read_text().strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"{name}: {file} cannot be read: {reason}.") from error
    if len(text) < MIN_SECRET_BYTES:
        raise SettingsError(f"{name}: {file} holds fewer than {MIN_SECRET_BYTES} characters.")
    return text


def read_jwk_set(path: Path) -> KeySet:
    """Read a JWK Set from a file; every key in it must be usable.

    Raises:
        SettingsError: It is no JWK Set, or holds a key that cannot be used.
    """
    try:
        entries = json.loads(path.read_bytes())["keys"]
        return _by_kid(_read_jwk(entry) for entry in entries)
    except (OSError, KeysRefused, *_UNUSABLE) as error:
        raise SettingsError(
            f"DISCOUNT_JWT_KEYS_FILE: {path} is no JWK Set in which every key has a kid and is "
            f"of a supported kind ({', '.join(ALGORITHMS.values())}): {error}"
        ) from error


def read_published_keys(document: bytes) -> KeySet:
    """Read the JWK Set that an issuer publishes.

    A key of a kind that is not known here is passed over, as RFC 7517, section 5 advises: the
    issuer publishes for others, too. A key that can sign is nothing to publish; whoever does
    has lost it, and the whole set is not to be trusted.

    Raises:
        KeysRefused: It is no JWK Set, has no key of use, or has one that must be secret.
    """
    try:
        entries = json.loads(document)["keys"]
        if any(not PRIVATE_MEMBERS.isdisjoint(entry) for entry in entries):
            raise KeysRefused("The set publishes a key that can sign.")
        keys = []
        for entry in entries:
            with suppress(*_UNUSABLE):
                keys.append(_read_jwk(entry))
    except _UNUSABLE as error:
        raise KeysRefused("What was fetched is no JWK Set.") from error
    return _by_kid(keys)


def _by_kid(keys: Iterable[Key]) -> KeySet:
    """Order keys by `kid`.

    Raises:
        KeysRefused: There is none, or two have one name.
    """
    ordered: dict[str | None, Key] = {}
    for key in keys:
        if ordered.setdefault(key.kid, key) is not key:
            raise KeysRefused("The set has two keys with one kid.")
    if not ordered:
        raise KeysRefused("The set has no key that can be used.")
    return MappingProxyType(ordered)


def _read_jwk(entry: Mapping[str, Any]) -> Key:
    """Turn one entry into a key.

    Raises:
        ValueError: The key is weak, of another kind, or holds a private part.
    """
    kind = (entry["kty"], entry.get("crv"))
    algorithm = ALGORITHMS.get(kind)
    kid = entry["kid"]
    if algorithm is None or entry.get("alg", algorithm) != algorithm:
        raise ValueError(f"key {kid!r} is of another kind")
    if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ["verify"]):
        raise ValueError(f"key {kid!r} is not for signatures")  # RFC 7517, sections 4.2 and 4.3
    if not isinstance(kid, str) or not kid:
        raise ValueError("a kid is not a text")
    if algorithm != "HS256" and "d" in entry:
        raise ValueError(f"key {kid!r} holds its private part")
    material = PyJWK.from_dict(dict(entry), algorithm).key
    if algorithm == "HS256" and len(material) < MIN_SECRET_BYTES:
        raise ValueError(f"key {kid!r} is shorter than {MIN_SECRET_BYTES} bytes")
    if algorithm == "RS256" and material.key_size < MIN_RSA_BITS:
        raise ValueError(f"key {kid!r} is shorter than {MIN_RSA_BITS} bits")
    return Key(kid, algorithm, material)


def development_secret(folder: Path) -> str:
    """Return the secret of this checkout, made on first use; for development alone.

    Several processes may ask for the first time at once: a link either succeeds for one of
    them or finds the other's, whole.

    Raises:
        SettingsError: Its file was damaged, or cannot be made or read.
    """
    path = folder / "development.key"
    try:
        if not path.exists():
            _make_development_key(path)
        secret = path.read_text()
    except OSError as error:
        raise SettingsError(
            f"DISCOUNT_JWT_SECRET or DISCOUNT_PSEUDONYM_KEY is not set, and the development key "
            f"{path} cannot be made or read: {error.strerror}."
        ) from error
    if len(secret) < MIN_SECRET_BYTES:
        raise SettingsError(f"{path} holds no key; remove it, and another is made.")
    return secret


def _make_development_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent) as draft:  # readable by its owner alone
        draft.write(DEVELOPMENT_KEY + secrets.token_urlsafe(MIN_SECRET_BYTES))
        draft.flush()
        with suppress(FileExistsError):
            path.hardlink_to(draft.name)


def pseudonym_key(settings: Settings) -> bytes:
    """Return the key of the hash that stands for a user id in logs.

    Raises:
        SettingsError: Its file cannot be read, or holds too little.
    """
    given = _secret(
        settings.pseudonym_key, settings.pseudonym_key_file, "DISCOUNT_PSEUDONYM_KEY_FILE"
    )
    text = given or "pseudonym of " + development_secret(settings.var)
    return hashlib.sha256(text.encode()).digest()


def cursor_key(settings: Settings) -> bytes:
    """Return the key of cursors: each engine has its own, as it lists codes in an order of its own.

    So after a move to PostgreSQL whoever is amid a list is told so, and not shown the wrong rows.

    Raises:
        SettingsError: Its file cannot be read, or holds too little.
    """
    key = pseudonym_key(settings)
    return key if settings.on_postgresql else key + b"sqlite"
