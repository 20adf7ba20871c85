"""Keys for the verification of tokens, from a secret or a JWK Set (RFC 7517).

A set has secrets (`oct`, for HS256) or public keys (RSA, EC, OKP), never both: a public key must
not be usable as a secret (RFC 8725, section 2.1). Each key has one algorithm.
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
    ReportIgnored,
    all_keys,
    by_kid,
    ignore,
    read_jwk_set,
)
from service.settings import DEVELOPMENT_KEY, MIN_SECRET_BYTES, Settings, SettingsError, keys_of


def load_keys(settings: Settings, report: ReportIgnored = ignore) -> KeySet:
    """Return the configured keys, or else, in development, a key that is made on first use.

    Keys at a URL are fetched elsewhere; there are none here.

    Args:
        settings: The names of files, and secrets.
        report: Called for each ignored entry of a set.

    Raises:
        SettingsError: A key cannot be used, or there are secrets and public keys.
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
            "DISCOUNT_JWT_SECRET and DISCOUNT_JWT_KEYS_FILE contain both secrets and public keys; "
            "use one kind."
        )
    return MappingProxyType(keys)


def _secret(given: str | None, file: Path | None, name: str) -> str | None:
    """Return a secret, read from its file if it has one.

    Raises:
        SettingsError: The file cannot be read, or is too short.
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


def read_keys_file(path: Path, report: ReportIgnored = ignore) -> KeySet:
    """Read a JWK Set from a file.

    Raises:
        SettingsError: The file is not a JWK Set, or has no usable key.
    """
    try:
        return read_jwk_set(path.read_bytes(), public=False, report=report)
    except (OSError, KeysRefused) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(
            f"DISCOUNT_JWT_KEYS_FILE: {path} is not a JWK Set with a key of a supported kind "
            f"({', '.join(ALGORITHMS.values())}): {reason}"
        ) from error


def read_published_keys(document: bytes, report: ReportIgnored = ignore) -> KeySet:
    """Read the JWK Set that an issuer publishes.

    Raises:
        KeysRefused: The document is not a JWK Set, or has no usable key.
    """
    return read_jwk_set(document, public=True, report=report)


def development_secret(folder: Path) -> str:
    """Return the secret of this checkout, made on first use, for development only.

    If several processes make the file at the same time, the hard link of one succeeds, and the
    others find that file complete.

    Raises:
        SettingsError: The file is damaged, or cannot be made or read.
    """
    path = folder / "development.key"
    try:
        if not path.exists():
            _make_development_key(path)
        secret = path.read_text()
    except OSError as error:
        raise SettingsError(
            f"DISCOUNT_JWT_SECRET, DISCOUNT_PSEUDONYM_KEY or DISCOUNT_ERASURE_KEY is not set, and "
            f"the development key {path} cannot be made or read: {error.strerror}."
        ) from error
    if len(secret) < MIN_SECRET_BYTES:
        raise SettingsError(f"{path} contains no key; remove the file, and a new one is generated.")
    return secret


def _make_development_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent) as draft:  # readable by its owner alone
        draft.write(DEVELOPMENT_KEY + secrets.token_urlsafe(MIN_SECRET_BYTES))
        draft.flush()
        with suppress(FileExistsError):
            path.hardlink_to(draft.name)


def pseudonym_key(settings: Settings) -> bytes:
    """Return the key of the hash that replaces user ids in logs.

    Raises:
        SettingsError: The file cannot be read, or is too short.
    """
    given = _secret(
        settings.pseudonym_key, settings.pseudonym_key_file, "DISCOUNT_PSEUDONYM_KEY_FILE"
    )
    text = given or "pseudonym of " + development_secret(settings.var)
    return hashlib.sha256(text.encode()).digest()


def erasure_keys(settings: Settings) -> tuple[str, ...]:
    """Return the keys of tombstones, the one to use first; production may have none.

    Raises:
        SettingsError: The file cannot be read, or a key is too short.
    """
    name, file = "DISCOUNT_ERASURE_KEY_FILE", settings.erasure_key_file
    text = _secret("\n".join(settings.erasure_keys), file, name) or ""
    keys = keys_of(text)
    if any(len(key) < MIN_SECRET_BYTES for key in keys):
        raise SettingsError(
            f"{name}: {file} has a line of fewer than {MIN_SECRET_BYTES} characters."
        )
    if keys or settings.production:
        return keys
    return ("erasure of " + development_secret(settings.var),)


def cursor_key(settings: Settings) -> bytes:
    """Return the key of cursors, which differs between engines, as the order of codes does.

    So after a move to PostgreSQL an old cursor is refused instead of showing the wrong rows.

    Raises:
        SettingsError: The file cannot be read, or is too short.
    """
    key = pseudonym_key(settings)
    return key if settings.on_postgresql else key + b"sqlite"
