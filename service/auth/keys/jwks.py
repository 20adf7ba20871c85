"""JWK Sets (RFC 7517): entries that cannot be used are ignored, and the others serve.

An issuer publishes for others as well, and may at any time add keys that are unknown here:
"Implementations SHOULD ignore JWKs within a JWK Set that use `kty` values that are not understood
by them, that are missing required members, or for which values are out of the supported ranges"
(section 5).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from jwt import PyJWK, PyJWTError

from service.settings import MIN_SECRET_BYTES

ALGORITHMS: Mapping[tuple[str, str | None], str] = MappingProxyType(
    {
        ("oct", None): "HS256",
        ("RSA", None): "RS256",
        ("EC", "P-256"): "ES256",
        ("OKP", "Ed25519"): "EdDSA",
    }
)
"""The one algorithm for a key of this type and curve."""
WITH_CURVES = frozenset({"EC", "OKP"})
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 16384
MAX_EXPONENT_BITS = 64
"""OpenSSL verifies with no larger key (OPENSSL_RSA_MAX_MODULUS_BITS and _MAX_PUBEXP_BITS)."""
PRIVATE_MEMBERS = frozenset({"k", "d", "p", "q", "dp", "dq", "qi", "oth"})
"""Members of private and secret keys, which can sign (RFC 7518, section 6)."""
_MATERIAL = ("n", "e", "x", "y", "k")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    PyJWTError,
    RecursionError,
    TypeError,
    ValueError,
)
"""Exceptions of Python and PyJWT for a malformed entry."""
_REASONS_SHOWN = 3
"""How many reasons the refusal of a whole set lists."""


class KeysRefused(Exception):  # noqa: N818 - it says what happened to them
    """A set cannot be used. The message is a sentence without key material."""


class _UnusableKeyError(Exception):
    """An entry cannot be used. The message says why, without key material."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key with its only algorithm; `material` is PyJWT's key object."""

    kid: str | None
    algorithm: str
    material: Any = field(repr=False)
    namesakes: "tuple[Key, ...]" = ()
    """Other keys of the same `kid` (RFC 7517, section 4.5)."""

    @property
    def secret(self) -> bool:
        """Whether it can sign as well as verify."""
        return self.algorithm == "HS256"

    def same_as(self, other: "Key") -> bool:
        """Return whether the two verify the same signatures."""
        return self.algorithm == other.algorithm and bool(self.material == other.material)


KeySet = Mapping[str | None, Key]
"""Keys by `kid`, the first of each name; `None` for the key without one. Immutable."""
NO_KEYS: KeySet = MappingProxyType({})


class IgnoredKey(NamedTuple):
    """An entry of a set that is ignored."""

    kid: str
    """Its representation in Python, as it may be anything."""
    reason: str


ReportIgnored = Callable[[IgnoredKey], None]


def ignore(_ignored: IgnoredKey) -> None:
    """Report nothing."""


def all_keys(keys: KeySet) -> Iterator[Key]:
    """Yield every key of a set, namesakes included."""
    for key in keys.values():
        yield key
        yield from key.namesakes


def keys_for(keys: KeySet, kid: str | None, algorithm: object) -> list[Key]:
    """Return the keys that may have signed a token with this header.

    A token without a `kid` belongs to the key without one, else to the only key of its algorithm.
    """
    named = keys.get(kid)
    namesakes = (named, *named.namesakes) if named else ()
    found = [key for key in namesakes if key.algorithm == algorithm]
    if kid is not None or found:
        return found
    distinct: list[Key] = []
    for key in all_keys(keys):
        if key.algorithm == algorithm and not any(map(key.same_as, distinct)):
            distinct.append(key)
    return distinct if len(distinct) == 1 else []


def read_jwk_set(document: bytes, *, public: bool, report: ReportIgnored = ignore) -> KeySet:
    """Read the usable keys of a set.

    Args:
        document: The JSON document.
        public: Whether the set is public and must contain no secret.
        report: Called for each ignored entry.

    Raises:
        KeysRefused: The document is not a JWK Set, or has no usable key.
    """
    ignored: list[IgnoredKey] = []
    keys = by_kid(_usable_keys(_entries(document), ignored, public=public))
    for each in ignored:
        report(each)
    if not keys:
        reasons = "; ".join(f"{kid}: {reason}" for kid, reason in ignored[:_REASONS_SHOWN])
        raise KeysRefused(
            "The set has no key that can be used" + (f" ({reasons})." if reasons else ".")
        )
    return keys


def _entries(document: bytes) -> list[Any]:
    """Return the entries of a set, which are not checked yet.

    Raises:
        KeysRefused: The document is not a JWK Set.
    """
    try:
        # None of the members used is a number; Python refuses integers with very many digits.
        entries = json.loads(document, object_pairs_hook=_as_object, parse_int=float)["keys"]
    except _MALFORMED as error:
        raise KeysRefused("It is no JWK Set.") from error
    if not isinstance(entries, list):
        raise KeysRefused("It is no JWK Set: its `keys` are no array.")
    return entries


class _DuplicateMembersObject(dict[str, Any]):
    """An object with duplicate members, which a JWK must not have (RFC 7517, section 4)."""


def _as_object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(members)
    return content if len(content) == len(members) else _DuplicateMembersObject(content)


def _usable_keys(entries: list[Any], ignored: list[IgnoredKey], *, public: bool) -> Iterator[Key]:
    """Yield the usable keys, and add the other entries to `ignored`."""
    for number, entry in enumerate(entries):
        try:
            yield _read_jwk(entry, public=public)
        except _UnusableKeyError as error:
            named = isinstance(entry, dict) and "kid" in entry
            kid = f"{entry['kid']!a:.80}" if named else f"entry {number}"
            ignored.append(IgnoredKey(kid, str(error)))


def by_kid(keys: Iterable[Key]) -> KeySet:
    """Index keys by `kid`, without duplicates."""
    ordered: dict[str | None, Key] = {}
    for key in keys:
        first = ordered.setdefault(key.kid, key)
        if not any(map(key.same_as, (first, *first.namesakes))):
            ordered[key.kid] = replace(first, namesakes=(*first.namesakes, key))
    return MappingProxyType(ordered)


def _read_jwk(entry: Any, *, public: bool) -> Key:
    """Convert an entry to a key.

    Raises:
        _UnusableKeyError: The key is weak, of an unsupported kind, or for another use.
    """
    if not isinstance(entry, dict) or isinstance(entry, _DuplicateMembersObject):
        raise _UnusableKeyError("it is no object, or names a member twice")
    kid = entry.get("kid")
    if "kid" in entry and not (isinstance(kid, str) and kid):
        raise _UnusableKeyError("its kid is no text")
    algorithm = _algorithm(entry)
    secret = algorithm == "HS256"
    if secret and public:
        raise _UnusableKeyError("a secret has no place in a public set")
    if not secret and not PRIVATE_MEMBERS.isdisjoint(entry):
        raise _UnusableKeyError("it holds its private part")
    material = _material(entry, algorithm)
    if secret and len(material) < MIN_SECRET_BYTES:
        raise _UnusableKeyError(f"it is shorter than {MIN_SECRET_BYTES} bytes")
    if algorithm == "RS256":
        _require_usual_size(material)
    return Key(kid, algorithm, material)


def _require_usual_size(key: Any) -> None:
    """Require an RSA key that is strong and that OpenSSL can verify with.

    Raises:
        _UnusableKeyError: It is too short or too long.
    """
    if key.key_size < MIN_RSA_BITS:
        raise _UnusableKeyError(f"it is shorter than {MIN_RSA_BITS} bits")
    if key.key_size > MAX_RSA_BITS or key.public_numbers().e.bit_length() > MAX_EXPONENT_BITS:
        raise _UnusableKeyError("its modulus or its exponent is too long")


def _algorithm(entry: Mapping[str, Any]) -> str:
    """Return the algorithm of an entry for signatures.

    Raises:
        _UnusableKeyError: The entry is of an unsupported kind, or for another use.
    """
    kty = entry.get("kty")
    curve = entry.get("crv") if kty in list(WITH_CURVES) else None
    algorithm = next((name for kind, name in ALGORITHMS.items() if kind == (kty, curve)), None)
    if algorithm is None or entry.get("alg", algorithm) != algorithm:
        raise _UnusableKeyError("its kty, crv and alg are of no kind known here")
    operations = entry.get("key_ops", ["verify"])  # RFC 7517, sections 4.2 and 4.3
    for_signatures = isinstance(operations, list) and "verify" in operations
    if entry.get("use", "sig") != "sig" or not for_signatures:
        raise _UnusableKeyError("it is not for verifying signatures")
    return algorithm


def _material(entry: Mapping[str, Any], algorithm: str) -> Any:
    """Return the key object of an entry.

    Raises:
        _UnusableKeyError: Its members are missing or malformed.
    """
    encoded = [entry[name] for name in _MATERIAL if name in entry]
    try:
        if not all(map(_BASE64URL.fullmatch, encoded)):  # PyJWT would skip other characters
            raise _UnusableKeyError("its members are no base64url")
        return PyJWK.from_dict(dict(entry), algorithm).key
    except _MALFORMED as error:
        raise _UnusableKeyError("its members are missing or malformed") from error
