"""The keys that tokens are checked with, from a secret or a JWK Set (RFC 7517).

A set holds secrets (`oct`, for HS256) or public keys (RSA, EC, OKP), never both: a public
key must not be usable as a secret (RFC 8725, section 2.1). Each key has one algorithm.
"""

import hashlib
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType

from service.auth.keys.jwks import (
    ALGORITHMS,
    NO_KEYS,
    Key,
    KeySet,
    KeysRefused,
    Report,
    all_keys,
    by_kid,
    ignore,
    read_jwk_set,
)
from service.settings import DEVELOPMENT_KEY, MIN_SECRET_BYTES, Settings, SettingsError


def load_keys(settings: Settings, report: Report = ignore) -> KeySet:
    """Return the keys that the settings name; in development, else, one made on first use.

    Keys at a URL are not fetched here: until they are, there are none.

    Args:
        settings: They name files and secrets.
        report: Hears of each entry of a set that is passed over.

    Raises:
        SettingsError: A key cannot be used, or both families are there.
    """
    if settings.jwt_jwks_url:
        return NO_KEYS
    keys: dict[str | None, Key] = {}
    if settings.jwt_keys_file:
        keys.update(read_keys_file(settings.jwt_keys_file, report))
    secret = _secret(settings.jwt_secret, settings.jwt_secret_file, "DISCOUNT_JWT_SECRET_FILE")
    if secret or not keys:
        own = Key(None, "HS256", (secret or development_secret(settings.var)).encode())
        keys = dict(by_kid([*all_keys(keys), own]))
    if len({key.secret for key in all_keys(keys)}) > 1:
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
        text = file.read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"{name}: {file} cannot be read: {reason}.") from error
    if len(text) < MIN_SECRET_BYTES:
        raise SettingsError(f"{name}: {file} holds fewer than {MIN_SECRET_BYTES} characters.")
    return text


def read_keys_file(path: Path, report: Report = ignore) -> KeySet:
    """Read a JWK Set from a file.

    Raises:
        SettingsError: It is no JWK Set, or has no key that can be used.
    """
    try:
        return read_jwk_set(path.read_bytes(), public=False, report=report)
    except (OSError, KeysRefused) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(
            f"DISCOUNT_JWT_KEYS_FILE: {path} is no JWK Set with a key of a supported kind "
            f"({', '.join(ALGORITHMS.values())}): {reason}"
        ) from error


def read_published_keys(document: bytes, report: Report = ignore) -> KeySet:
    """Read the JWK Set that an issuer publishes.

    Raises:
        KeysRefused: It is no JWK Set, or has no key that can be used.
    """
    return read_jwk_set(document, public=True, report=report)


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
